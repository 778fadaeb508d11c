/** Requests and responses of a dialog that neither end sends as it stands: what ends a subscription, and responses that stand for ones that never came. */
import { parseValueParams } from "../wire/sip/fields.ts";
import { type SipRequest, SipResponse } from "../wire/sip/message.ts";

/** A NOTIFY that ends its subscription (RFC 6665 section 4.1.3). */
export function isTerminatedNotify(request: SipRequest): boolean {
  return request.method === "NOTIFY" && parseValueParams(request.get("subscription-state") ?? "").value.toLowerCase() === "terminated";
}

/** The address that a response comes from which stands for one that never came: the application knows it by that. */
export const NOBODY = "";

/** A response that stands for one that never came (RFC 3261 section 8.1.3.1). */
export function madeUp(request: SipRequest, status: number, reason: string): SipResponse {
  const response = new SipResponse(status);
  for (const h of request.headers) if (["via", "from", "to", "call-id", "cseq"].includes(h.key)) response.headers.push(h);
  return response.set("Warning", `399 crosspoint "${reason.replace(/["\\\u0000-\u001f]/g, " ")}"`);
}
