/** When we refresh a session, and what follows a refresh that fails (RFC 4028 sections 7.4 and 10, RFC 3261 section 14.1). */
import type { SipMessage } from "./drachtio.ts";
import { parseSessionExpires, type SessionTimerPolicy } from "./session-timer.ts";

/** What both sides have agreed on in the last 2xx. */
export interface SessionAgreement {
  /** Length of the session interval, seconds. */
  readonly seconds: number;
  readonly refresher: "us" | "them";
}

/** A refresh is sent this share of the interval before its half, at most so many ms: the SIP engine would send one of its own at the half. */
const LEAD = { share: 0.05, mostMs: 5_000 } as const;
/** A refused refresh is tried again after a quarter of what is left, at least so many ms; with less than `lastMs` left no more. */
const AGAIN = { share: 0.25, leastMs: 5_000, lastMs: 2_000 } as const;
/** Both sides have sent an INVITE at once: the owner of the Call-ID waits longer (RFC 3261 section 14.1). */
const GLARE_MS = { owner: [2_100, 4_000], other: [0, 2_000] } as const;

/**
 * What a 2xx with this Session-Expires makes of the session. `role` is ours in the request: `uac` has sent it. A far end that knows no timers leaves the
 * field out; then whoever asked refreshes alone (section 7.2), and `asked` says for how long.
 */
export function agreeSession(field: string | undefined, role: "uac" | "uas", asked?: number): SessionAgreement | undefined {
  const said = parseSessionExpires(field);
  if (!said) return asked === undefined ? undefined : { seconds: asked, refresher: "us" };
  const refresher = said.refresher ?? "uac";
  return { seconds: said.seconds, refresher: refresher === role ? "us" : "them" };
}

/** Fields of a re-INVITE of ours, which keeps the session's agreement: without them it would end it (section 7.1). */
export function sessionFields({ seconds, refresher }: SessionAgreement, policy: SessionTimerPolicy): Readonly<Record<string, string>> {
  const minSe = Math.min(seconds, Math.max(policy.minSe, 90));
  return { Supported: "timer", "Session-Expires": `${seconds};refresher=${refresher === "us" ? "uac" : "uas"}`, "Min-SE": String(minSe) };
}

/** Milliseconds from a 2xx to our refresh: a little before half of the interval. */
export function refreshDelay({ seconds }: SessionAgreement): number {
  return seconds * 500 - Math.min(LEAD.mostMs, seconds * 1000 * LEAD.share);
}

/** Min-SE of a 422 (section 7.3); undefined for other responses, and for values that nobody means. */
export function largerInterval(status: number, response: Pick<SipMessage, "get"> | undefined): number | undefined {
  if (status !== 422) return undefined;
  const minSe = Number.parseInt(response?.get("Min-SE") ?? "", 10);
  return minSe > 0 && minSe <= 86_400 ? minSe : undefined;
}

/** How long to wait after a 491, ms. `chance` is between 0 and 1. */
export function glareDelay(owner: boolean, chance: number): number {
  const [least, most] = GLARE_MS[owner ? "owner" : "other"];
  return least + chance * (most - least);
}

/**
 * When a refused refresh is tried again, in ms: after Retry-After where the far end says so, and always inside the interval. Undefined where nothing is left
 * of that. `leftMs` of the interval are left.
 */
export function retryDelay(retryAfter: string | undefined, leftMs: number): number | undefined {
  if (leftMs < AGAIN.lastMs) return undefined;
  const asked = Number.parseInt(retryAfter ?? "", 10);
  const wanted = asked >= 0 ? asked * 1000 : Math.max(AGAIN.leastMs, leftMs * AGAIN.share);
  return wanted <= leftMs - AGAIN.lastMs ? wanted : leftMs / 2;
}
