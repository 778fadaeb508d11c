import type { EventEmitter } from "node:events";
import type { AgreedFeedback, AgreedVideoCodec, VideoCodecName } from "../negotiation/index.ts";
import type { MediaSources } from "../rtp/latch.ts";
import type { SrtpKeying } from "../srtp/index.ts";

/** Nothing is transcoded: who cannot decode what is sent stays without picture. */
export type { AgreedVideoCodec as VideoCodec, VideoCodecName } from "../negotiation/index.ts";

/** A line as both sides have agreed on it. */
export interface LineAgreement {
  /** Where to send; packets latch to their true source (symmetric RTP). Null while it is held or unknown. */
  readonly remote: { readonly address: string; readonly port: number; readonly rtcpPort: number } | null;
  /** From where its pictures are believed without SRTP, besides `remote`; from `remote`'s host alone where absent. */
  readonly sources?: MediaSources;
  readonly rtcpMux: boolean;
  /** SDES keys of each direction; null for plain RTP. */
  readonly srtp: { readonly local: SrtpKeying; readonly remote: SrtpKeying } | null;
  /** Common codecs in order; the first one the sender of a stream uses is what is forwarded. */
  readonly codecs: readonly AgreedVideoCodec[];
  /** As seen by us: `sendonly`, we send and they do not. */
  readonly direction: "sendrecv" | "sendonly" | "recvonly" | "inactive";
  readonly feedback: AgreedFeedback;
  /** SSRC of what we send in plain RTP, where the far end expects a certain one; chosen at random where absent, and under SRTP always. */
  readonly sendSsrc?: number;
  /** The one SSRC that is taken, where several streams come to the same port; any where absent. */
  readonly receiveSsrc?: number;
  /** Bits per second the far end takes (b=TIAS, b=AS); null for no limit. */
  readonly maxBitrate: number | null;
  /** Bits per second we have said that we take (b= of our own side); a far end that sends many times that is cut. Absent: 4 Mbit/s. */
  readonly receiveBitrate?: number;
}

/** What a line measured, both ways; shape of the roster's `video`. */
export interface VideoStats {
  /** Encoding name received, `H264` or `VP8`; null before anything came. */
  readonly codec: VideoCodecName | null;
  /** SDES suite or null for plain RTP. */
  readonly srtp: string | null;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly lossPercent: number;
  readonly jitterMs: number;
  /** Bits per second over the last two seconds. */
  readonly bitrateIn: number;
  readonly bitrateOut: number;
  readonly keyFramesIn: number;
  /** Key frames we have asked the far end for. */
  readonly keyFrameRequests: number;
  /** Times the picture sent stood still for more than half a second for want of packets. */
  readonly freezes: number;
  /** Of the picture received, from the codec's own headers; null where unknown. */
  readonly width: number | null;
  readonly height: number | null;
  /** Bits per second the far end was last told to send at most (REMB, TMMBR, signalling); null where it may send what was agreed. */
  readonly limitIn: number | null;
  /** Bits per second the far end takes now, by agreement, demand or guess; null for no limit. */
  readonly limitOut: number | null;
}

/** A picture that a far end would be shown if its decoder were capable of it. */
export interface UnsuitedPicture {
  readonly participantId: string;
  readonly stream: "camera" | "screen";
  /** For people: `H.264 High`, `VP8`. */
  readonly codec: string;
}

export interface RelayLineEvents {
  /** The far end must send a picture that stands alone and has no RTCP feedback to be asked by: ask by signalling (RFC 5168, H.245). Rate-limited. */
  keyframe: [];
  /** The far end should send at most this many bits per second; ask by signalling where it has neither TMMBR nor REMB. Rate-limited. */
  bitrate: [bitsPerSecond: number];
  /** Whom the line shows its far end from now on; null for nobody. */
  shown: [participantId: string | null, stream: "camera" | "screen"];
  /** A picture the line would show, of a codec or an H.264 profile that the far end has not agreed to; null when that is over. */
  unsuited: [picture: UnsuitedPicture | null];
  /** Nothing has come for 30 s of a line that is to receive. Audio goes on; the roster may say so. */
  silent: [];
  /** The line is gone: the relay's worker failed. Nothing follows. */
  gone: [reason: string];
}

/** One RTP session of a call at the relay: a camera's or a screen's line, or a further picture. */
export interface RelayLine extends Pick<EventEmitter<RelayLineEvents>, "on" | "once" | "off"> {
  readonly id: string;
  /** Where we receive: RTP on the even port, RTCP on the next, both on the first where muxed. */
  readonly local: { readonly address: string; readonly port: number; readonly rtcpPort: number };
  /** First agreement and each later one; a repeated key keeps its context (a re-INVITE that changes nothing loses no packet). */
  configure(agreement: LineAgreement): void;
  /** The far end asked for a key frame by signalling. */
  requestKeyframe(): void;
  /** The far end's limit by signalling (H.245 flowControlCommand), bits per second; null lifts it. */
  limit(bitsPerSecond: number | null): void;
  stats(): Promise<VideoStats>;
  close(): Promise<void>;
}

/** What a line shows its far end. Never the participant's own picture, unless it is a tap of `participant`. */
export type VideoSource =
  /** Who speaks, with hysteresis; `rank` 0 is the speaker, 1 who spoke before, and so on: a browser's further pictures. */
  | { readonly kind: "speaker"; readonly rank: number }
  /** The presenter's screen; nothing while nobody presents. */
  | { readonly kind: "content" }
  /** The screen while somebody presents, else as speaker 0: for those who have one picture only. */
  | { readonly kind: "content-or-speaker" }
  /** One participant's camera or screen, whoever speaks: an SFU's copy, or what somebody pinned. */
  | { readonly kind: "participant"; readonly participantId: string; readonly stream: "camera" | "screen" };

/** A line's place in a meeting. */
export interface SeatLine {
  readonly line: RelayLine;
  /** What its far end sends: the participant's camera, or screen (forwarded only while he is the presenter); null when nothing is taken from it. */
  readonly brings: "camera" | "screen" | null;
  readonly shows: VideoSource | null;
}

/** A participant's pictures in a meeting. After `leave` its methods do nothing. */
export interface RelaySeat {
  /** Lines and what they show; replaces all that was said before. */
  arrange(lines: readonly SeatLine[]): void;
  leave(): void;
}

/**
 * The video relay (decision 0004): ends SRTP of video and content lines and forwards their streams within a meeting. Calls, keys and who may present
 * are its caller's affair. Nothing here may ever disturb the audio: every failure ends in a line's `gone` or a picture that stands still.
 */
export interface VideoRelay {
  /** Opens a line's sockets. Rejects when no port is free. */
  open(): Promise<RelayLine>;
  /** A participant's seat; a meeting comes into being with its first seat and is gone with its last. */
  join(meetingId: string, participantId: string): RelaySeat;
  /** The conference's floor: who is loudest now. The relay adds the hysteresis of pictures. */
  speaker(meetingId: string, participantId: string): void;
  /** Whose screen is forwarded; null for nobody's. */
  presenter(meetingId: string, participantId: string | null): void;
  stop(): Promise<void>;
}
