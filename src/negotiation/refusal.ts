/** Stable codes of refusals, for logs and records. */
export type RefusalCode =
  | "no-audio"
  | "no-common-codec"
  | "audio-rejected"
  | "bad-media-address"
  | "lines-removed"
  | "srtp-required"
  | "srtp-not-allowed"
  | "srtp-keys-in-clear"
  | "srtp-no-acceptable-suite"
  | "srtp-answer-mismatch"
  | "dtls-srtp-not-supported";

/** An offer or answer that is not acceptable, and what to tell the peer (RFC 3261 sections 13.3.1.3, 20.43 and 21.4.26). */
export interface Refusal {
  readonly kind: "refuse";
  readonly code: RefusalCode;
  readonly status: 488;
  /** 304 media type not available, 399 anything else. */
  readonly warning: 304 | 399;
  /** For the Warning header, the log and the record: says what to change. Never holds a key. */
  readonly text: string;
}

export function refusal(code: RefusalCode, text: string, warning: 304 | 399 = 399): Refusal {
  return { kind: "refuse", code, status: 488, warning, text };
}

/** The Warning header's value; `agent` is our host or host:port. */
export function formatWarning({ warning, text }: Refusal, agent: string): string {
  return `${warning} ${agent} "${text.replace(/[\r\n]/g, " ").replace(/["\\]/g, "\\$&")}"`;
}
