import type { Millis } from "../../base/clock.ts";
import type { DialogIdentifiers } from "../../legs/leg.ts";
import type { SipRequest } from "../../legs/sip/drachtio.ts";
import type { Meeting } from "../../meetings/model.ts";
import type { Trunk } from "../../trunks/model.ts";
import { parseReplaces } from "../../wire/sip/index.ts";
import type { Reception } from "../call/answer.ts";
import type { Call } from "../call/call.ts";
import type { Standing, Takeover } from "../call/handover.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";
import type { LiveMeetings } from "../meeting/active-meetings.ts";
import type { Settings } from "../settings.ts";
import type { Clock } from "../../base/clock.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";

/** A dialog that has ended is told from one that never was for so long, ms: longer than any retransmission. */
const REMEMBERED_MS = 64_000;
const MOST_REMEMBERED = 2_000;

const gone = (why: string) => refuse("bad-request", why, { status: 603, text: "The call is over" });

/** The calls that may be replaced, and where they stand. */
export interface ReplacementsParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly calls: ReadonlyMap<string, Call>;
  readonly directory: MemoryDirectory;
  readonly reception: Pick<Reception, "runnerOf">;
  readonly meetings: LiveMeetings;
}

/**
 * INVITE with Replaces (RFC 3891): the new call takes the place of one that we have. Only calls of the trunk that the INVITE comes from can be named, and strangers,
 * who are nobody in particular, can name none: whoever has overheard another's dialog identifiers must not get that call's place in a meeting.
 */
export class Replacements {
  readonly #parts: ReplacementsParts;
  /** Calls that are being replaced: by one at a time. */
  readonly #claimed = new Set<Call>();
  readonly #over = new Map<string, Millis>();

  constructor(parts: ReplacementsParts) {
    this.#parts = parts;
  }

  /** The call that an INVITE of this trunk asks to replace; why it cannot be; null where it asks for none. */
  asked(request: SipRequest, trunk: Trunk): Takeover | GatewayRefusal | null {
    const field = request.get("Replaces");
    if (field === undefined) return null;
    const replaces = parseReplaces(field);
    if (!replaces || request.has("Join"))
      return refuse("bad-request", replaces ? "Replaces and Join in one INVITE" : "a Replaces that is none, or more than one");
    const unknown = refuse("bad-request", `trunk ${trunk.name} has no call as in Replaces`, {
      status: 481,
      text: "There is no such call",
    });
    if (trunk === this.#parts.settings.config.defaultTrunk) return unknown;
    const wanted = { callId: replaces.callId, localTag: replaces.toTag, remoteTag: replaces.fromTag };
    const found = [...this.#parts.calls.values()].flatMap((call) =>
      call.trunk === trunk.name ? (call.leg.dialogs ?? []).filter((one) => isSame(one, wanted)).map(({ early }) => ({ call, early })) : [],
    );
    const [first] = found;
    if (!first) return this.#hasEnded(trunk.name, wanted) ? gone("the call to be replaced has ended") : unknown;
    if (found.length > 1 || this.#claimed.has(first.call)) return unknown;
    if (replaces.earlyOnly && !first.early)
      return refuse("bad-request", "the call to be replaced if it rings is answered", { status: 486, text: "The call is answered" });
    const standing = this.#standing(first.call);
    if ("code" in standing) return standing;
    return this.#takeover(first.call, standing);
  }

  #takeover(from: Call, asked: Standing): Takeover {
    return {
      from,
      claim: (by) => {
        this.#claim(from, by);
        by.calledMeeting = asked.destination.meeting?.id ?? null;
      },
      // One that has hung up leaves what it had: phones do, as soon as they hear that they are replaced.
      take: () => (!from.over ? this.#standing(from) : from.hungUp ? asked : gone("the call to be replaced has been ended meanwhile")),
    };
  }

  /** The dialogs of this call are remembered for a while after its end. */
  watch(call: Call): void {
    const { trunk, leg } = call;
    if (trunk === null) return;
    call.once("ended", () => {
      for (const dialog of leg.dialogs ?? []) {
        this.#over.set(keyOf(trunk, dialog), this.#parts.clock.now());
        if (this.#over.size > MOST_REMEMBERED) this.#over.delete(this.#over.keys().next().value!);
      }
    });
  }

  #hasEnded(trunk: string, dialog: DialogIdentifiers): boolean {
    const at = this.#over.get(keyOf(trunk, dialog));
    return at !== undefined && this.#parts.clock.now() - at < REMEMBERED_MS;
  }

  #claim(call: Call, by: Call): void {
    this.#claimed.add(call);
    const release = () => void this.#claimed.delete(call);
    call.once("ended", release);
    by.once("ended", release);
  }

  #standing(from: Call): Standing | GatewayRefusal {
    const { directory } = this.#parts;
    const progress = this.#parts.reception.runnerOf(from)?.progress;
    if (progress === undefined)
      return from.destination
        ? { destination: from.destination, handover: { from, place: undefined, setup: {} } }
        : gone("the call to be replaced goes nowhere yet");
    const { state, role, triesLeft } = progress;
    if (state === "ending" || state === "ended") return gone("the call to be replaced is being ended");
    let meeting: Meeting | null = null;
    const place = this.#parts.meetings.placeOf(from);
    if (from.meetingId !== null && place) {
      meeting = directory.get(from.meetingId) ?? null;
      if (!meeting) return gone("the meeting of the call to be replaced is no more");
      if (meeting.endToEndEncrypted) return refuse("end-to-end-encrypted", `meeting ${meeting.id} is end-to-end encrypted`);
    }
    return { destination: { meeting, pin: null, role }, handover: { from, place, setup: { triesLeft, unnamed: state === "naming" } } };
  }
}

const isSame = (a: DialogIdentifiers, b: DialogIdentifiers): boolean =>
  a.callId === b.callId && sameTag(a.localTag, b.localTag) && sameTag(a.remoteTag, b.remoteTag);

/** RFC 3891 section 3: zero stands for no tag too, as peers of RFC 2543 have none. */
const sameTag = (ours: string | undefined, named: string): boolean => ours === named || (named === "0" && (ours ?? "") === "");

const keyOf = (trunk: string, { callId, localTag, remoteTag }: DialogIdentifiers): string => [trunk, callId, localTag, remoteTag].join(" ");
