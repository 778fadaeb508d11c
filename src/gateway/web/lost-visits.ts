import type { Millis } from "../../base/clock.ts";
import type { Role, Trust } from "../../meetings/model.ts";
import type { OutcomeCode } from "../../records/model.ts";
import { sameSecret } from "../../base/secrets.ts";

/** What a browser may come back to after its visit has been given up, without being asked anything again. */
export interface LostVisit {
  readonly visit: string;
  readonly meetingId: string;
  readonly role: Role;
  readonly trust: Trust;
}

interface Kept extends LostVisit {
  readonly secret: string;
  readonly until: Millis;
}

interface Ended {
  readonly visit: { readonly id: string; readonly secret: string; readonly joined: boolean };
  readonly call: { readonly meetingId: string | null; readonly trust: Trust };
  readonly outcome: OutcomeCode;
  readonly isHost: boolean;
  /** What the visit that has ended came back to itself. */
  readonly back: LostVisit | undefined;
  readonly now: Millis;
}

const KEPT_FOR: Millis = 15 * 60_000;
/** The oldest go first. */
const MAX_KEPT = 2_000;
/** Ends that the network is to blame for, and nobody wanted. */
const LOST: ReadonlySet<OutcomeCode> = new Set(["signalling-lost", "media-timeout"]);

/** Visits that were lost with their network while they were in a meeting. Who was removed, or left, is not among them. */
export class LostVisits {
  readonly #kept = new Map<string, Kept>();

  /** A visit has ended: it is kept when it was lost. Any other end also ends what it came back to. */
  ended({ visit, call, outcome, isHost, back, now }: Ended): void {
    const lost = LOST.has(outcome);
    if (back && (!lost || visit.joined)) this.#kept.delete(back.visit);
    if (!lost || !visit.joined || call.meetingId === null) return;
    const { id, secret } = visit;
    const role = isHost ? "host" : "guest";
    this.#kept.set(id, { visit: id, secret, meetingId: call.meetingId, role, trust: call.trust, until: now + KEPT_FOR });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
  }

  /** Undefined where there is no such visit any more, or the secret is not its own. */
  find(claimed: { readonly visit: string; readonly secret: string } | undefined, now: Millis): LostVisit | undefined {
    const kept = claimed && this.#kept.get(claimed.visit);
    if (!kept || !sameSecret(claimed.secret, kept.secret)) return undefined;
    if (now < kept.until) return kept;
    this.#kept.delete(kept.visit);
    return undefined;
  }
}
