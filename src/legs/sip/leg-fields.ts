/** Header fields of the requests and responses that a leg sends, and what it reads of the far end's. */
import type { Headers, SipMessage, SipRequest } from "./drachtio.ts";

/** Methods we take (RFC 3261 section 20.5). */
export const ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY";

/** How a call stands: its state, and `;wrong-pin` behind it where the last PIN was not right. In answers to OPTIONS in its dialog. */
export const STATE_HEADER = "Crosspoint-State";

/**
 * Our Contact over TLS; elsewhere the SIP engine's own. drachtio-server writes `sips:` there, which asks for TLS on every hop (RFC 3261 section 26.2.2) and which
 * many phones do not know; both engines put their address in the place of `localhost`.
 */
export function contactOver(transport: string): { readonly Contact?: string } {
  return transport.toLowerCase() === "tls" ? { Contact: "<sip:crosspoint@localhost;transport=tls>" } : {};
}

/** Credentials alone: a dialog counts its requests itself. */
export function onlyCredentials(fields: Headers): Headers {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name.endsWith("Authorization")));
}

/** Number of a request's CSeq; undefined where it has none. */
export function sequenceOf(request: SipRequest): number | undefined {
  const seq = Number.parseInt(request.get("CSeq") ?? "", 10);
  return Number.isNaN(seq) ? undefined : seq;
}

/** A Warning field (RFC 3261 section 20.43). */
export function formatWarning(code: number, text: string): string {
  return `${code} crosspoint "${text.replace(/[\u0000-\u001f\u007f"\\]/g, " ")}"`;
}

export function timerFields(request: SipMessage): {
  sessionExpires: string | undefined;
  minSe: string | undefined;
  supported: string | undefined;
} {
  return { sessionExpires: request.get("Session-Expires"), minSe: request.get("Min-SE"), supported: request.get("Supported") };
}
