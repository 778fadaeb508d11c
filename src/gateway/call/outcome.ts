import { type Blame, type CallEnding, farEnd } from "../../base/call-failure.ts";
import type { OutcomeCode } from "../../records/model.ts";
import { isCertificateFault } from "../../security/certificates/faults.ts";

/** What of a call decides what its end means. */
interface Ended {
  readonly direction: "in" | "out";
  readonly answered: boolean;
}

/** The outcome that a record has for an end that a leg or the media server has told. */
export function outcomeOf({ code }: CallEnding, { direction, answered }: Ended): OutcomeCode {
  if (isCertificateFault(code)) return answered ? "signalling-lost" : code;
  switch (code) {
    case "hung-up":
      return answered || direction === "in" ? "completed" : "far-end-refused";
    case "refused":
      return "far-end-refused";
    case "cancelled":
    case "session-expired":
    case "no-answer":
    case "media-timeout":
    case "media-server-lost":
    case "internal-error":
      return code;
    case "connection-lost":
    case "far-end-silent":
    case "dialog-unknown":
    case "not-acknowledged":
      return answered || direction === "in" ? "signalling-lost" : "far-end-unreachable";
    case "application-gone":
      return answered ? "signalling-lost" : "internal-error";
    case "no-media":
      return "media-not-acceptable";
    case "not-encrypted":
      return "srtp-required";
    case "protocol-error":
    case "unusable-answer":
      return "bad-request";
    case "released":
      return "completed";
    default:
      // no-response, not-reached, and faults of certificates that are none of ours
      return "far-end-unreachable";
  }
}

const BY: Readonly<Partial<Record<OutcomeCode, Blame>>> = {
  removed: "meeting",
  "meeting-ended": "meeting",
  "media-timeout": "network",
  "signalling-lost": "network",
  "session-expired": "network",
  "far-end-unreachable": "network",
  "media-server-lost": "media-server",
};

/** Who ends a call that the gateway ends with this outcome. */
export function blameOf(outcome: OutcomeCode, call: Pick<Ended, "direction">): Blame {
  return outcome === "far-end-refused" ? farEnd(call) : (BY[outcome] ?? "gateway");
}
