/** A session description, RFC 8866, as this gateway sees one. Everything is read-only: to change one, spread it. */

import type { SdpCrypto } from "./crypto.ts";

/** `IN IP4 192.0.2.1`. The address may be a name; a multicast one keeps its `/ttl`. */
export interface SdpConnection {
  readonly ipVersion: 4 | 6;
  readonly address: string;
}

/** The o= line. The two numbers may exceed 2^53, hence decimal strings. */
export interface SdpOrigin extends SdpConnection {
  readonly username: string;
  readonly sessionId: string;
  readonly version: string;
}

export type SdpDirection = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** b= line: AS in kilobits per second, TIAS in bits per second. */
export interface SdpBandwidth {
  readonly type: string;
  readonly value: number;
}

/** An a= line that is not modelled. */
export interface SdpAttribute {
  readonly name: string;
  /** After the colon; undefined for a property attribute. */
  readonly value?: string;
}

export interface SdpFingerprint {
  /** `sha-256` */
  readonly hash: string;
  readonly value: string;
}

/** One RTP payload type of a media line with what rtpmap, fmtp and rtcp-fb say of it. */
export interface SdpFormat {
  /** 0 to 127. */
  readonly payloadType: number;
  /** Encoding name as written; undefined where no rtpmap came (static payload types). */
  readonly codec?: string;
  readonly clockRate?: number;
  /** Encoding parameter of an audio rtpmap. */
  readonly channels?: number;
  /** The fmtp value as written, without the payload type. */
  readonly fmtp?: string;
  /** rtcp-fb values without the payload type: `nack pli`. */
  readonly feedback: readonly string[];
}

/** `a=ssrc:1234 cname:x` */
export interface SdpSsrc {
  readonly ssrc: number;
  readonly attribute: string;
  readonly value?: string;
}

/** What may stand in the session part and in each media part. */
interface SdpSection {
  readonly connection?: SdpConnection;
  readonly bandwidths: readonly SdpBandwidth[];
  readonly direction?: SdpDirection;
  readonly setup?: string;
  readonly fingerprints: readonly SdpFingerprint[];
  /** Everything not modelled, in the order it came. */
  readonly attributes: readonly SdpAttribute[];
}

/** One m= line and what belongs to it. */
export interface SdpMedia extends SdpSection {
  /** `audio`, `video`, `application`, `image`, ... */
  readonly kind: string;
  /** 0 for a rejected line (RFC 3264 section 6). */
  readonly port: number;
  /** `RTP/SAVP`, `UDP/BFCP`, ... as written. */
  readonly protocol: string;
  /** The m= line's formats as written: payload types, or `*`, `t38`, ... */
  readonly formatTokens: readonly string[];
  /** The payload types in order; empty where the protocol is not RTP. */
  readonly formats: readonly SdpFormat[];
  /** i= line. */
  readonly title?: string;
  /** Acceptable in syntax, in the offer's order; others stand in `attributes`. */
  readonly crypto: readonly SdpCrypto[];
  /** a=rtcp (RFC 3605). */
  readonly rtcp?: { readonly port: number; readonly connection?: SdpConnection };
  readonly rtcpMux: boolean;
  /** Milliseconds. */
  readonly ptime?: number;
  readonly maxptime?: number;
  readonly mid?: string;
  readonly label?: string;
  /** a=content (RFC 4796): `main`, `slides`. */
  readonly content?: string;
  /** rtcp-fb for `*`: holds for every format. */
  readonly feedback: readonly string[];
  readonly ssrcs: readonly SdpSsrc[];
}

/** A whole description. */
export interface SdpSession extends SdpSection {
  readonly origin: SdpOrigin;
  readonly name: string;
  /** Lines of the session part that are not modelled (i=, u=, e=, p=, r=, z=, k=), whole. */
  readonly otherLines: readonly string[];
  /** t= values; `0 0` for a call. */
  readonly timing: string;
  readonly media: readonly SdpMedia[];
}

/** Whether a media line's protocol carries RTP, and so its formats are payload types. */
export function isRtpProtocol(protocol: string): boolean {
  return /(^|\/)RTP\/S?AVPF?$/i.test(protocol);
}
