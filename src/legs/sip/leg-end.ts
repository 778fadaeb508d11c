/** How a SIP call ended, read from the BYE or the final response that ended it. */
import { type Blame, CallFailure, type CallEnding, type EndCode, farEnd } from "../../base/call-failure.ts";
import { END_HEADER, readEndCode } from "../../wire/sip/end-code.ts";
import { CAUSE, causeOfStatus, parseReason } from "../cause.ts";
import type { LegInfo } from "../leg.ts";
import { describeResponse, isSipFailure, type SipRequest, type SipResponse, warningOf } from "./drachtio.ts";

type Direction = Pick<LegInfo, "direction">;

/** drachtio-server has no codes: what it ends a dialog for stands in the Reason of the BYE that it makes, in these words (sip-dialog-controller.cpp). */
const DRACHTIO_SERVER: Readonly<Record<string, EndCode>> = {
  "CANCEL after 200 OK": "cancelled",
  "ACK-BYE due to cancel race condition": "released",
  "Session timer expired": "session-expired",
  "ACK timeout": "not-acknowledged",
};

/** What an operator reads of an end that the SIP engine found. */
const WORDS: Readonly<Partial<Record<EndCode, string>>> = {
  cancelled: "cancelled by the caller as it was answered",
  "session-expired": "the session has expired: the far end did not refresh it in time (RFC 4028)",
  "connection-lost": "the connection of the far end's signalling is gone, and it cannot be reached by another",
  "far-end-silent": "the far end does not answer requests inside the call",
  "dialog-unknown": "the far end does not know the call any more",
  "not-acknowledged": "the caller never acknowledged our answer: no ACK came",
  "application-gone": "the gateway lost its SIP engine",
  "unusable-answer": "the far end's answer has no Contact: nothing inside the call could be sent",
};

const HUNG_UP: Readonly<Partial<Record<Blame, string>>> = { caller: "the caller hung up", callee: "the callee hung up" };

/** A BYE of the far end, or one the SIP engine made itself because the far end is gone. */
export function endOf(request: SipRequest, reason: string | undefined, leg: Direction): CallEnding {
  const given = parseReason(request.get("Reason"));
  const by = farEnd(leg);
  if (request.source !== "application")
    return { code: "hung-up", by, q850: given?.cause ?? CAUSE.normalClearing, sipStatus: null, message: given?.text || HUNG_UP[by]! };
  const said = given?.text || reason || "";
  const known = readEndCode(request.get(END_HEADER)) ?? DRACHTIO_SERVER[said];
  const code = known ?? "far-end-silent";
  // a CANCEL that crossed our 200: both engines end the call by this BYE of theirs
  if (code === "cancelled") return { code, by, q850: CAUSE.normalClearing, sipStatus: null, message: WORDS.cancelled! };
  return {
    code,
    by: code === "application-gone" || code === "released" ? "gateway" : "network",
    q850: given?.cause ?? CAUSE.timerExpiry,
    sipStatus: null,
    message: (known ? WORDS[known] : said) || WORDS["far-end-silent"]!,
  };
}

/** The end of a call of ours that was refused, or that reached nobody. */
export function endOfFailure(error: unknown): CallFailure {
  if (error instanceof CallFailure) return error;
  if (!isSipFailure(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return new CallFailure({ code: "internal-error", by: "gateway", q850: CAUSE.temporaryFailure, message, cause: error });
  }
  const { res, status } = error;
  const given = parseReason(res?.get("Reason"));
  const q850 = given?.cause ?? causeOfStatus(status);
  // what the SIP engine answers in place of a far end that it did not reach says so, and why
  const unreached = res === undefined ? status === 408 : res.source_address === "";
  if (unreached) {
    const code = readEndCode(res?.get(END_HEADER)) ?? (status === 408 ? "no-response" : "not-reached");
    return new CallFailure({ code, by: "network", q850, message: notReached(code, res), cause: error });
  }
  // drachtio-srf fails with a 2xx where that names no Contact; what is wrong stands in its own words then.
  const message = res && res.status >= 300 ? describeResponse(res) : `${status} ${error.reason ?? ""}`.trim();
  return new CallFailure({ code: "refused", by: "callee", q850, sipStatus: status, message, cause: error });
}

/** No status stands here: the far end has sent none. */
function notReached(code: EndCode, response: SipResponse | undefined): string {
  const words = (response && warningOf(response)?.slice(0, 300)) ?? "";
  const detail = words === "" ? "" : `: ${words}`;
  return code === "no-response" ? `the far end never answered${detail}` : `the far end was not reached${detail}`;
}
