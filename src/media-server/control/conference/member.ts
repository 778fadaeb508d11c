import type { EslEvent } from "../../../wire/esl/index.ts";
import type { MemberState } from "../../messages.ts";
import type { Channel } from "../channel/channel.ts";

/** FreeSWITCH's volume steps, -4 to 4, as factors (switch_resample.c, switch_change_sln_volume). */
const volumeFactors = [0.2, 0.4, 0.6, 0.8, 1, 1.3, 2.3, 3.3, 4.3];

/** The threshold every member starts with: a hundred of mean amplitude, about -50 dBFS. */
export const DEFAULT_ENERGY = 100;

/** A channel in a conference. */
export class Member {
  readonly id: number;
  readonly channel: Channel;
  readonly flags: ReadonlySet<string>;
  /** Ends its `conference` application. */
  readonly leave: () => void;
  readonly joinedAt: number;
  speak: boolean;
  hear = true;
  hold = false;
  talking = false;
  energyLevel = DEFAULT_ENERGY;
  currentEnergy = 0;
  volumeIn = 0;
  volumeOut = 0;
  agc = 0;
  lastTalking = 0;
  removed = false;

  constructor(id: number, channel: Channel, flags: ReadonlySet<string>, leave: () => void) {
    this.id = id;
    this.channel = channel;
    this.flags = flags;
    this.leave = leave;
    this.speak = !flags.has("mute");
    this.hear = !flags.has("deaf");
    this.joinedAt = channel.core.clock.now();
  }

  get moderator(): boolean {
    return this.flags.has("moderator");
  }
  /** Not counted, not listed as a participant by those who look. */
  get ghost(): boolean {
    return this.flags.has("ghost");
  }

  /** What the mixer is told; `waiting` while the room waits for its moderator: nobody speaks, all hear the music. */
  state(waiting: boolean): MemberState {
    const active = !waiting && !this.hold;
    return {
      speak: this.speak && active,
      hear: this.hear && !this.hold,
      gainInDb: volumeDb(this.volumeIn),
      gainOutDb: volumeDb(this.volumeOut),
      energy: this.energyLevel,
    };
  }

  /** The headers of an event about this member (conference_member_add_event_data), after the conference's. */
  describe(event: EslEvent, hasFloor: boolean): void {
    const headers = event.headers;
    headers.set("Floor", String(hasFloor));
    this.channel.describeBasic(event);
    headers.set("Video", "false");
    headers.set("Hear", String(this.hear));
    headers.set("See", "false");
    headers.set("Speak", String(this.speak));
    headers.set("Talking", String(this.talking));
    headers.set("Mute-Detect", String(this.flags.has("mute-detect")));
    headers.set("Hold", String(this.hold));
    headers.set("Member-ID", String(this.id));
    headers.set("Member-Type", this.moderator ? "moderator" : "member");
    headers.set("Member-Ghost", String(this.ghost));
    headers.set("Energy-Level", String(this.energyLevel));
    headers.set("Current-Energy", String(this.currentEnergy));
  }
}

/** Decibels of a volume step. */
function volumeDb(level: number): number {
  return 20 * Math.log10(volumeFactors[clampVolume(level) + 4] ?? 1);
}

export function clampVolume(level: number): number {
  return Math.max(-4, Math.min(4, Math.trunc(level)));
}
