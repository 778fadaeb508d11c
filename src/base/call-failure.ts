/**
 * How a call ends, as a code: from the SIP engine's dialogs, H.323 calls, browsers and the media server up to the record. What is decided by
 * an end is decided by its code; its words are for people.
 */

/** Who ended a call, or whose fault it is that it ended. */
export type Blame =
  /** The far end of a call to us: it hung up or gave up. */
  | "caller"
  /** The far end of a call of ours: it hung up or refused. */
  | "callee"
  /** A connection, a session or the packets of a far end that said nothing were lost, or nobody was reached. */
  | "network"
  /** A rule, a limit, a time limit or a fault of the gateway. */
  | "gateway"
  | "media-server"
  /** A host or the API. */
  | "meeting";

const codes = [
  /** The far end ended a call that was up. */
  "hung-up",
  /** The caller gave up before the answer, or in its moment. */
  "cancelled",
  /** The callee refused. */
  "refused",
  /** We were told to end it. */
  "released",
  /** Nobody refreshed the session in time (RFC 4028). */
  "session-expired",
  /** The connection of the signalling is gone, and the far end is reached by no other. */
  "connection-lost",
  /** No response to a request inside the call (RFC 3261 section 12.2.1.2). */
  "far-end-silent",
  /** 481 or 408 to a request inside the call. */
  "dialog-unknown",
  /** No ACK came for our 200 (RFC 3261 section 13.3.1.4). */
  "not-acknowledged",
  /** The engine's application is gone. */
  "application-gone",
  /** An answer by which no call can be held: no Contact, no session description. */
  "unusable-answer",
  /** A call of ours: no response at all came in time. */
  "no-response",
  /** A call of ours: nothing could be sent. */
  "not-reached",
  /** A call of ours rang, and nobody answered in time. */
  "no-answer",
  /** The far end opened no channel for us, or H.245 came to nothing. */
  "no-media",
  /** The far end does not encrypt its media where that is required, or not as it must. */
  "not-encrypted",
  /** The far end's messages break the protocol, or what we demand of them. */
  "protocol-error",
  "media-timeout",
  "media-server-lost",
  "internal-error",
] as const;

/** Stable. `certificate-…`: the faults of `security/certificates/faults.ts`. */
export type EndCode = (typeof codes)[number] | `certificate-${string}`;

const known: ReadonlySet<string> = new Set(codes);

/** Whether a text is an end's code. */
export function isEndCode(text: string | undefined): text is EndCode {
  return text !== undefined && (known.has(text) || text.startsWith("certificate-"));
}

/** How one call came to its end. */
export interface CallEnding {
  readonly code: EndCode;
  readonly by: Blame;
  /** Q.850 cause. */
  readonly q850: number;
  /** The far end's final status; null where it sent none, or speaks no SIP. */
  readonly sipStatus: number | null;
  /** In words, for the record and the log. */
  readonly message: string;
  /** The error behind it (ES2022). */
  readonly cause?: unknown;
}

/** A call that came to nothing, or to an end of which whoever waits for it must hear. */
export class CallFailure extends Error implements CallEnding {
  override name = "CallFailure";
  readonly code: EndCode;
  readonly by: Blame;
  readonly q850: number;
  readonly sipStatus: number | null;

  constructor({ message, code, by, q850, sipStatus, cause }: Omit<CallEnding, "sipStatus"> & { readonly sipStatus?: number | null }) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.by = by;
    this.q850 = q850;
    this.sipStatus = sipStatus ?? null;
  }
}

/** The far end of a call, as {@link Blame} names it. */
export const farEnd = ({ direction }: { readonly direction: "in" | "out" }): Blame => (direction === "in" ? "caller" : "callee");
