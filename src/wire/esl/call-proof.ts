import { createHmac } from "node:crypto";
import { sameSecret } from "../../base/secrets.ts";

/** The field of an INVITE to the embedded media server that shows who sends it. */
export const PROOF_HEADER = "X-Crosspoint-Proof";

/**
 * What {@link PROOF_HEADER} says: that whoever knows the secret of this start asks for this call, with events to this address and no other. HMAC-SHA256 over
 * the User-Agent, which is another for each call, and X-esl-outbound; base64url.
 */
export function callProof(secret: string, userAgent: string, eventSocket: string): string {
  return createHmac("sha256", secret).update(`${userAgent}\n${eventSocket}`).digest("base64url");
}

/** Whether a call's proof is the right one; compared in a time that tells nothing. */
export function isProven(
  secret: string,
  call: { readonly proof: string; readonly userAgent: string; readonly eventSocket: string },
): boolean {
  return sameSecret(call.proof, callProof(secret, call.userAgent, call.eventSocket));
}
