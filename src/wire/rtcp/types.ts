/** RTCP packets as values. `ssrc` is always the packet's sender. */

/** Packet types, RFC 3550 section 12.1 and RFC 4585 section 6.1. */
export const RtcpType = { SR: 200, RR: 201, SDES: 202, BYE: 203, APP: 204, RTPFB: 205, PSFB: 206, XR: 207 } as const;

/** Reception report block, RFC 3550 section 6.4.1. */
export interface ReportBlock {
  /** The source reported on. */
  readonly ssrc: number;
  /** Since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Since the beginning; 24 bits, signed: duplicates can make it negative. */
  readonly cumulativeLost: number;
  /** Highest sequence number received, cycles in the upper 16 bits. */
  readonly highestSequence: number;
  /** Interarrival jitter in ticks of the stream's clock. */
  readonly jitter: number;
  /** Middle 32 bits of the last SR's NTP time, 0 if none came. */
  readonly lastSr: number;
  /** Time since that SR, in 1/65536 s. */
  readonly delaySinceLastSr: number;
}

/** 64-bit NTP time: seconds since 1900 and their fraction in 2^-32 s. */
export interface NtpTime {
  readonly seconds: number;
  readonly fraction: number;
}

export interface SenderReport {
  readonly kind: "sr";
  readonly ssrc: number;
  readonly ntp: NtpTime;
  readonly rtpTimestamp: number;
  readonly packetCount: number;
  /** Payload octets. */
  readonly octetCount: number;
  readonly reports: readonly ReportBlock[];
}

export interface ReceiverReport {
  readonly kind: "rr";
  readonly ssrc: number;
  readonly reports: readonly ReportBlock[];
}

/** SDES item types, RFC 3550 section 6.5. */
export const SdesItem = { CNAME: 1, NAME: 2, EMAIL: 3, PHONE: 4, LOC: 5, TOOL: 6, NOTE: 7, PRIV: 8 } as const;

export interface SourceDescription {
  readonly kind: "sdes";
  readonly chunks: readonly { readonly ssrc: number; readonly items: readonly { readonly type: number; readonly text: string }[] }[];
}

export interface Goodbye {
  readonly kind: "bye";
  readonly ssrcs: readonly number[];
  readonly reason?: string;
}

export interface ApplicationPacket {
  readonly kind: "app";
  readonly ssrc: number;
  /** 0 to 31. */
  readonly subtype: number;
  /** Four ASCII characters. */
  readonly name: string;
  /** A multiple of four bytes. */
  readonly data: Uint8Array;
}

/** Generic NACK, RFC 4585 section 6.2.1: the sequence numbers asked for again. */
export interface Nack {
  readonly kind: "nack";
  readonly ssrc: number;
  readonly mediaSsrc: number;
  readonly lost: readonly number[];
}

/** Picture loss indication, RFC 4585 section 6.3.1. */
export interface PictureLoss {
  readonly kind: "pli";
  readonly ssrc: number;
  readonly mediaSsrc: number;
}

/** Full intra request, RFC 5104 section 4.3.1: each entry asks `ssrc`; a new `sequence` is a new request. */
export interface FullIntraRequest {
  readonly kind: "fir";
  readonly ssrc: number;
  readonly mediaSsrc: number;
  readonly entries: readonly { readonly ssrc: number; readonly sequence: number }[];
}

/** Temporary maximum media bit rate request (`tmmbr`) or notification (`tmmbn`), RFC 5104 sections 4.2.1 and 4.2.2. */
export interface MaximumBitRate {
  readonly kind: "tmmbr" | "tmmbn";
  readonly ssrc: number;
  readonly mediaSsrc: number;
  /** Bits per second, and overhead bytes a packet (0 to 511). */
  readonly entries: readonly { readonly ssrc: number; readonly bitrate: number; readonly overhead: number }[];
}

/** Receiver estimated maximum bit rate, draft-alvestrand-rmcat-remb-03 section 2.2. */
export interface ReceiverEstimate {
  readonly kind: "remb";
  readonly ssrc: number;
  /** Bits per second. */
  readonly bitrate: number;
  readonly ssrcs: readonly number[];
}

/** Transport-wide feedback, draft-holmer-rmcat-transport-wide-cc-extensions-01: when each packet came that carried a transport-wide sequence number. */
export interface TransportFeedback {
  readonly kind: "transport-cc";
  readonly ssrc: number;
  readonly mediaSsrc: number;
  /** Transport-wide number of the first packet reported. */
  readonly baseSequence: number;
  /** 64 ms each, 24 bits signed, of the sender of this message. */
  readonly referenceTime: number;
  /** 0 to 255, counts these messages. */
  readonly feedbackCount: number;
  /** For each packet 250 us units since the one before (the first: since the reference time); null for one that did not come. */
  readonly deltas: readonly (number | null)[];
}

/** A feedback message of another format, kept as it came. */
export interface OtherFeedback {
  readonly kind: "feedback";
  /** 205 transport layer, 206 payload specific. */
  readonly packetType: 205 | 206;
  readonly format: number;
  readonly ssrc: number;
  readonly mediaSsrc: number;
  readonly fci: Uint8Array;
}

/** A packet of another type (XR, ...), kept as it came. */
export interface OtherRtcp {
  readonly kind: "other";
  readonly packetType: number;
  /** The five bits after version and padding. */
  readonly count: number;
  /** After the four-byte head. */
  readonly body: Uint8Array;
}

export type RtcpPacket =
  | SenderReport
  | ReceiverReport
  | SourceDescription
  | Goodbye
  | ApplicationPacket
  | Nack
  | PictureLoss
  | FullIntraRequest
  | MaximumBitRate
  | ReceiverEstimate
  | TransportFeedback
  | OtherFeedback
  | OtherRtcp;
