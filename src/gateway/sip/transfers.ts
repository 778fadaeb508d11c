import { maskDialled } from "../../base/pin-mask.ts";
import type { TransferRequest } from "../../legs/leg.ts";
import type { Trunk } from "../../trunks/model.ts";
import type { LiveMeetings } from "../meeting/active-meetings.ts";
import type { Call, CallEnd } from "../call/call.ts";
import type { Outbound } from "./outgoing.ts";
import type { Clock } from "../../base/clock.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";
import type { CallAdmission } from "../call/admission.ts";
import type { TrunkLimits } from "../../trunks/limits.ts";

/** Who transfers, within which limits, and by whom the other party is called. */
export interface TransfersParts {
  readonly clock: Clock;
  readonly directory: MemoryDirectory;
  readonly admission: CallAdmission;
  readonly limits: TrunkLimits;
  readonly meetings: LiveMeetings;
  readonly outbound: Outbound;
}

/**
 * REFER from a participant: they want another party in their place. We call that party through the same trunk, into the same meeting, with the same
 * role; the participant hangs up when it hears that it is there. Only callers of a trunk that is trusted may, and only to where that trunk leads:
 * anybody else could make us place calls at our expense. The other party's call is one more of the trunk's, within its limits and the gateway's.
 */
export class Transfers {
  readonly #parts: TransfersParts;

  constructor(parts: TransfersParts) {
    this.#parts = parts;
  }

  requested(call: Call, trunk: Trunk, transfer: TransferRequest) {
    const shown = maskDialled(transfer.target);
    const meeting = call.meetingId === null ? undefined : this.#parts.directory.get(call.meetingId);
    const who = call.meetingId === null ? undefined : this.#parts.meetings.room(call.meetingId)?.participant(call.id);
    const target = this.#parts.outbound.within(trunk, transfer.target);
    const why =
      call.trust === "unverified"
        ? "unverified callers may not have us place calls"
        : !meeting || who?.state !== "joined"
          ? "they are in no meeting"
          : !target
            ? `trunk ${trunk.name} does not lead to ${shown}`
            : null;
    if (why !== null || !meeting || !who || !target) {
      call.log.warn({ event: "transfer-refused", target: shown, reason: why }, `a transfer was refused: ${why}`);
      return transfer.reject(call.trust === "unverified" ? 403 : 603);
    }
    const busy = this.#limited(call, trunk);
    if (busy !== null) {
      call.log.warn({ event: "transfer-refused", target: shown, reason: busy }, `a transfer was refused: ${busy}`);
      return transfer.reject(503);
    }
    call.log.info({ event: "transfer", target: shown }, "calling the party that is to take their place");
    transfer.accept();
    const {
      call: placed,
      ringing,
      answered,
    } = this.#parts.outbound.invite({
      target,
      trunk,
      meeting,
      role: who.role,
      displayName: undefined,
      replaces: transfer.replaces,
      admitted: true,
    });
    void ringing.then((end) => end ?? transfer.progress(180));
    let end: CallEnd | undefined;
    placed.once("ended", (how) => {
      end = how;
    });
    void answered.then((reached) => transfer.progress(reached ? 200 : statusOf(end)));
  }

  /** Takes the place of one more call on the trunk, or says why there is none. */
  #limited(call: Call, trunk: Trunk): string | null {
    const { admission, limits, clock } = this.#parts;
    return (admission.refusal(call.leg.info.address, "trunk") ?? limits.admit(trunk, clock.now()))?.reason ?? null;
  }
}

/** What the party said that was to take their place (RFC 3515 section 2.4.5): its own final status, 408 where it never answered at all, 480 where it rang in vain, 503 else. */
function statusOf(end: CallEnd | undefined): number {
  if (end?.sipStatus != null && end.sipStatus >= 300) return end.sipStatus;
  if (end?.code === "no-response") return 408;
  return end?.outcome === "no-answer" ? 480 : 503;
}
