import type { SrtpSuiteName } from "../../srtp/index.ts";

/** A test call. */
export interface CallOptions {
  /** `sip:` or `sips:` URI. */
  readonly uri: string;
  /** Digits keyed in, followed by #, a second after the first sound. */
  readonly pin?: string;
  /** PEM texts of the client certificate with its chain, its key, and the CAs the server is verified against. */
  readonly cert?: string;
  readonly key?: string;
  readonly cas: readonly string[];
  /** The only suite offered; over TLS all are, in our order, where absent. `none` offers plain RTP. */
  readonly srtp?: SrtpSuiteName | "none";
  /** How long the call is held after the answer. */
  readonly seconds: number;
  /** Ends the call early. */
  readonly signal?: AbortSignal;
}
