/** RFC 4028, the part that is decided once for a session; refreshing itself is the SIP engine's. */

export interface SessionTimerPolicy {
  /** What we ask for, seconds; 0: we do not ask. */
  readonly expires: number;
  readonly minSe: number;
}

/** The fields of an INVITE or UPDATE that matter here. */
export interface SessionTimerFields {
  readonly sessionExpires: string | undefined;
  readonly minSe: string | undefined;
  readonly supported: string | undefined;
}

export type SessionTimerAnswer =
  /** Answer 422 with this Min-SE. */
  | { readonly kind: "too-small"; readonly minSe: number }
  | { readonly kind: "accepted"; readonly headers: Readonly<Record<string, string>> };

function lists(field: string | undefined, option: string): boolean {
  return field?.split(",").some((one) => one.trim().toLowerCase() === option) ?? false;
}

/** `1800;refresher=uac`; undefined when there is no number in it. */
export function parseSessionExpires(
  field: string | undefined,
): { readonly seconds: number; readonly refresher: "uac" | "uas" | undefined } | undefined {
  const match = /^\s*(\d{1,9})/.exec(field ?? "");
  if (!match) return undefined;
  const refresher = /;\s*refresher\s*=\s*(uac|uas)/i.exec(field ?? "")?.[1]?.toLowerCase();
  return { seconds: Number(match[1]), refresher: refresher === "uac" || refresher === "uas" ? refresher : undefined };
}

/**
 * What to answer as UAS (RFC 4028 section 9). A caller that knows timers refreshes itself unless it wants us to; for one that does not, we refresh where we
 * want a timer at all, which needs nothing of it.
 */
export function answerSessionTimer(fields: SessionTimerFields, policy: SessionTimerPolicy): SessionTimerAnswer {
  const asked = parseSessionExpires(fields.sessionExpires);
  const theyKnow = lists(fields.supported, "timer");
  if (asked && asked.seconds < policy.minSe && theyKnow) return { kind: "too-small", minSe: policy.minSe };
  if (!asked && policy.expires === 0) return { kind: "accepted", headers: {} };
  const theirMinimum = Number.parseInt(fields.minSe ?? "90", 10) || 90;
  const wanted = policy.expires === 0 ? (asked?.seconds ?? 0) : Math.min(policy.expires, asked?.seconds ?? policy.expires);
  const seconds = Math.max(wanted, policy.minSe, Math.min(theirMinimum, asked?.seconds ?? theirMinimum));
  const refresher = theyKnow ? (asked?.refresher ?? "uac") : "uas";
  return {
    kind: "accepted",
    headers: {
      "Session-Expires": `${seconds};refresher=${refresher}`,
      Supported: "timer",
      ...(refresher === "uac" ? { Require: "timer" } : {}),
    },
  };
}

/** What an INVITE of ours asks for (section 7.1). */
export function askSessionTimer(policy: SessionTimerPolicy): Readonly<Record<string, string>> {
  return policy.expires === 0
    ? { Supported: "timer" }
    : { Supported: "timer", "Session-Expires": String(Math.max(policy.expires, policy.minSe)), "Min-SE": String(policy.minSe) };
}
