import { CAUSE } from "../../legs/cause.ts";
import type { Refusal as LegRefusal } from "../../legs/leg.ts";
import type { Refusal as MediaRefusal, RefusalCode } from "../../negotiation/index.ts";
import type { OutcomeCode } from "../../records/model.ts";

/** A refusal with the code it is logged and recorded by. */
export interface GatewayRefusal extends LegRefusal {
  readonly code: OutcomeCode;
  /** For the operator: what it was and what to mend. Goes into the log and the record, never to the caller. */
  readonly reason: string;
}

/** The contract's table of refusals: status and Q.850 cause of each code, and the words callers get. */
const TABLE = {
  "no-such-meeting": [404, CAUSE.unallocated, "No such meeting"],
  // a meeting that takes no PINs is to look as if it did not exist
  "pin-locked-out": [404, CAUSE.unallocated, "No such meeting"],
  "unknown-site": [404, CAUSE.unallocated, "No such site"],
  "end-to-end-encrypted": [
    488,
    CAUSE.serviceNotImplemented,
    "This meeting is end-to-end encrypted and cannot be joined by SIP, H.323 or telephone",
  ],
  "srtp-not-acceptable": [488, CAUSE.serviceNotImplemented, "No acceptable SRTP suite"],
  "srtp-required": [488, CAUSE.serviceNotImplemented, "SRTP is required"],
  "media-not-acceptable": [488, CAUSE.serviceNotImplemented, "No media in common"],
  "trunk-unknown": [403, CAUSE.callRejected, "Calls from there are not taken"],
  "certificate-absent": [403, CAUSE.callRejected, "A certificate is needed"],
  "certificate-unknown-ca": [403, CAUSE.callRejected, "The certificate's issuer is not known"],
  "certificate-expired": [403, CAUSE.callRejected, "The certificate has expired"],
  "certificate-not-yet-valid": [403, CAUSE.callRejected, "The certificate is not valid yet"],
  "certificate-revoked": [403, CAUSE.callRejected, "The certificate is revoked"],
  "certificate-status-missing": [403, CAUSE.callRejected, "The certificate comes without its status"],
  "certificate-purpose": [403, CAUSE.callRejected, "The certificate is not for clients"],
  "certificate-name": [403, CAUSE.callRejected, "The certificate has another name"],
  "certificate-invalid": [403, CAUSE.callRejected, "The certificate is not valid"],
  "certificate-refused": [403, CAUSE.callRejected, "The certificate is refused"],
  "trunk-credentials": [403, CAUSE.callRejected, "Wrong credentials"],
  "token-invalid": [403, CAUSE.callRejected, "This join link is not valid"],
  "token-expired": [403, CAUSE.callRejected, "This join link has expired"],
  "token-revoked": [403, CAUSE.callRejected, "This join link has been withdrawn"],
  "token-other-meeting": [403, CAUSE.callRejected, "This join link is for another meeting"],
  scanner: [403, CAUSE.callRejected, "Forbidden"],
  "trunk-limit": [503, CAUSE.switchCongestion, "Too many calls"],
  "meeting-full": [486, CAUSE.userBusy, "The meeting is full"],
  "meeting-locked": [603, CAUSE.callRejected, "The meeting is locked"],
  overload: [503, CAUSE.switchCongestion, "Overloaded"],
  draining: [503, CAUSE.switchCongestion, "Being taken out of service"],
  "media-server-lost": [503, CAUSE.switchCongestion, "No media server"],
  // the far end's own doing in a call that is up: nobody is answered with these
  "far-end-refused": [488, CAUSE.serviceNotImplemented, "The change of media was refused"],
  "bad-request": [400, CAUSE.protocolError, "Bad request"],
  "internal-error": [500, CAUSE.temporaryFailure, "Internal error"],
} as const satisfies Partial<Record<OutcomeCode, readonly [number, number, string]>>;

export type RefusableCode = keyof typeof TABLE;

/** Warning 399 goes with what the far end's user can do something about. */
const WARNED: ReadonlySet<string> = new Set(["end-to-end-encrypted", "srtp-not-acceptable", "srtp-required", "media-not-acceptable"]);

/** The refusal of a code. `reason` is the operator's; the caller gets the table's words. */
export function refuse(code: RefusableCode, reason: string, more: Partial<LegRefusal> = {}): GatewayRefusal {
  const [status, cause, text] = TABLE[code];
  const retry = status === 503 ? { retryAfterSeconds: 10 } : {};
  return { code, reason, status, cause, text, ...(WARNED.has(code) ? { warning: 399 } : {}), ...retry, ...more };
}

const MEDIA_CODES: Readonly<Record<RefusalCode, RefusableCode>> = {
  "no-audio": "media-not-acceptable",
  "no-common-codec": "media-not-acceptable",
  "audio-rejected": "media-not-acceptable",
  "bad-media-address": "media-not-acceptable",
  "lines-removed": "media-not-acceptable",
  "srtp-required": "srtp-required",
  "srtp-not-allowed": "srtp-not-acceptable",
  "srtp-keys-in-clear": "srtp-not-acceptable",
  "srtp-no-acceptable-suite": "srtp-not-acceptable",
  "srtp-answer-mismatch": "srtp-not-acceptable",
  "dtls-srtp-not-supported": "srtp-not-acceptable",
};

/** What the negotiation refuses; its words say what to change, so the caller gets them too. */
export function refuseMedia(refusal: MediaRefusal): GatewayRefusal {
  return refuse(MEDIA_CODES[refusal.code], refusal.text, { text: refusal.text, warning: refusal.warning });
}

/** What the far end of a call that is ended is told. A meeting that takes no PINs is to look as if it did not exist here too. */
export function toldOfEnd(outcome: OutcomeCode, reason: string): string {
  return outcome === "pin-locked-out" || outcome === "no-such-meeting" ? TABLE[outcome][2] : reason;
}

/** Q.850 cause a call that was answered is ended with, by its outcome. */
export function causeOfOutcome(outcome: OutcomeCode): number {
  if (outcome in TABLE) return TABLE[outcome as RefusableCode][1];
  switch (outcome) {
    case "media-timeout":
    case "no-input":
    case "lobby-timeout":
    case "host-timeout":
    case "session-expired":
      return CAUSE.timerExpiry;
    case "wrong-pin":
    case "removed":
      return CAUSE.callRejected;
    case "signalling-lost":
    case "far-end-unreachable":
      return CAUSE.destinationOutOfOrder;
    default:
      return CAUSE.normalClearing;
  }
}
