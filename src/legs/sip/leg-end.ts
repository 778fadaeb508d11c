/** How a SIP call ended, read from the BYE or the final response that ended it. */
import { CAUSE, causeOfStatus, parseReason } from "../cause.ts";
import type { LegEnd } from "../leg.ts";
import { describeResponse, isSipFailure, type SipRequest, warningOf } from "./drachtio.ts";

/** A BYE of the far end, or one the SIP engine made itself because the far end is gone. */
export function endOf(request: SipRequest, reason: string | undefined): LegEnd {
  const given = parseReason(request.get("Reason"));
  if (request.source === "application") {
    // a CANCEL that crossed our 200: both engines end the call by this BYE of theirs
    if (/CANCEL after 200/i.test(`${given?.text} ${reason}`)) {
      return { by: "peer", cause: CAUSE.normalClearing, text: "cancelled by the caller as it was answered", cancelled: true };
    }
    return {
      by: "engine",
      cause: given?.cause ?? CAUSE.timerExpiry,
      text: given?.text || reason || "the far end does not answer any more",
      cancelled: false,
    };
  }
  return { by: "peer", cause: given?.cause ?? CAUSE.normalClearing, text: given?.text || "hung up", cancelled: false };
}

/** The end of a call of ours that was refused. */
export function endOfFailure(error: unknown): LegEnd {
  if (!isSipFailure(error))
    return { by: "engine", cause: CAUSE.temporaryFailure, text: error instanceof Error ? error.message : String(error), cancelled: false };
  const given = parseReason(error.res?.get("Reason"));
  // what the SIP engine answers in place of a far end that it did not reach says so, and why
  const unreached = error.res === undefined ? error.status === 408 : error.res.source_address === "";
  return {
    by: unreached ? "engine" : "peer",
    cause: given?.cause ?? causeOfStatus(error.status),
    // drachtio-srf fails with a 2xx where that names no Contact; what is wrong stands in its own words then.
    text: error.res && error.res.status >= 300 ? describeResponse(error.res) : `${error.status} ${error.reason ?? ""}`.trim(),
    cancelled: false,
    status: error.status,
    ...(unreached && error.res ? { code: warningOf(error.res)?.split(":", 1)[0] } : {}),
  };
}
