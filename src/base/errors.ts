/** Whose fault a failure is; decides whether the peer is answered with 4xx or 5xx. */
export type Fault = "peer" | "us" | "network" | "policy";

/** What an error suggests to tell the peer. */
export interface ErrorAdvice {
  /** Whose fault it is. */
  readonly fault: Fault;
  /** SIP status to answer with (RFC 3261 section 21), where one fits. */
  readonly sipStatus?: number;
  /** Q.850 cause to release with, where one fits. */
  readonly cause?: number;
}

/** Any failure of a protocol: says what was read or done, whose fault it is, and what to answer. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
  readonly advice: ErrorAdvice;
  constructor(message: string, advice: ErrorAdvice) {
    super(message);
    this.advice = advice;
  }
}

/** Bytes that are not what their format says. `offset` is in bytes from the start of the input. */
export class ParseError extends ProtocolError {
  override name = "ParseError";
  readonly offset: number | undefined;
  constructor(message: string, offset?: number, sipStatus = 400) {
    super(offset === undefined ? message : `${message} (at byte ${offset})`, { fault: "peer", sipStatus });
    this.offset = offset;
  }
}
