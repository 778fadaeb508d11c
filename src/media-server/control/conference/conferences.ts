import type { Channel } from "../channel/channel.ts";
import type { Core } from "../core.ts";
import { rateOf } from "../channel/channel.ts";
import type { MediaPool } from "../media/media-pool.ts";
import { Conference } from "./conference.ts";
import type { JoinRequest } from "./join-args.ts";
import { Member } from "./member.ts";

/** Why somebody was not let in. */
export type Refusal = "locked" | "full" | "wrong-pin" | "not-there";

/** All conferences, by name. */
export class Conferences {
  readonly #byName = new Map<string, Conference>();
  readonly #core: Core;
  readonly #pool: MediaPool;
  readonly #music: () => string | undefined;
  readonly #automaticGain: boolean;
  #nextMember = 1;

  constructor(core: Core, pool: MediaPool, music: () => string | undefined, automaticGain: boolean) {
    this.#automaticGain = automaticGain;
    this.#core = core;
    this.#pool = pool;
    this.#music = music;
  }

  find(name: string): Conference | undefined {
    return this.#byName.get(name);
  }

  get all(): Iterable<Conference> {
    return this.#byName.values();
  }

  get size(): number {
    return this.#byName.size;
  }

  /** Lets a channel in, making the conference if need be. `leave` is called when it is out, for whatever reason. */
  join(channel: Channel, request: JoinRequest, leave: () => void): { conference: Conference; member: Member } | Refusal {
    let conference = this.#byName.get(request.name);
    if (!conference) {
      if (request.flags.has("join-only")) return "not-there";
      conference = this.#create(channel, request);
    } else {
      if (conference.locked) return "locked";
      if (conference.full && !request.flags.has("ghost")) return "full";
      if (conference.pin !== "" && !samePin(conference.pin, request.pin)) return "wrong-pin";
    }
    const member = new Member(this.#nextMember++, channel, request.flags, leave);
    conference.add(member);
    return { conference, member };
  }

  #create(channel: Channel, request: JoinRequest): Conference {
    const conference = new Conference(
      this.#core,
      this.#pool,
      {
        name: request.name,
        profile: request.profile,
        pin: request.pin,
        waitForModerator: request.flags.has("wait-mod") && !request.flags.has("moderator"),
        rate: Math.max(16000, rateOf(channel.codec)),
        music: this.#music(),
      },
      channel,
      () => this.#byName.delete(request.name),
    );
    conference.setAgc(this.#automaticGain);
    this.#byName.set(request.name, conference);
    return conference;
  }
}

/** Compares in a time that does not tell how many digits were right. */
function samePin(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(1, b.length));
  return difference === 0;
}
