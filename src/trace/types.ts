/** What is seen of a call's messages. */

export const TRACE_LEVELS = ["off", "headers", "full"] as const;

/** `headers`: start line and header fields; `full`: the body as well. */
export type TraceLevel = (typeof TRACE_LEVELS)[number];

export type TraceProtocol = "sip" | "h225" | "h245" | "ras" | "esl";

/** One message, masked: it holds no key, PIN or credential, and no terminal control character. */
export interface TracedMessage {
  /** What it belongs to: `sip:CALL-ID`, `h323:IDENTIFIER`, `esl:UUID`; empty where nothing in it says so. */
  readonly key: string;
  readonly protocol: TraceProtocol;
  /** As the gateway sees it. */
  readonly direction: "in" | "out";
  readonly transport: string;
  /** `address:port`. */
  readonly local: string;
  readonly remote: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** One line for a ladder: `INVITE`, `200 OK (INVITE)`. */
  readonly summary: string;
  /** Start line and header fields, one a line. */
  readonly head: string;
  /** Null where there is none, or it is not wanted. */
  readonly body: string | null;
}

/** The text of a message. */
export type MessageText = Pick<TracedMessage, "summary" | "head" | "body">;

export function atLeast(a: TraceLevel, b: TraceLevel): TraceLevel {
  return TRACE_LEVELS.indexOf(a) >= TRACE_LEVELS.indexOf(b) ? a : b;
}

/** Now, in milliseconds since 1970 with their fractions: messages of one millisecond keep their order, across threads too. */
export function wallTime(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000) / 1000;
}

/** `address:port`, an IPv6 address in brackets. */
export function hostPort(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
