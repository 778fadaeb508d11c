import type { DataType, H2250LogicalChannelParameters } from "../../wire/h245/index.ts";
import { composeCamera, composeContent, isCamera, PACKETIZATIONS, readContent } from "./capabilities.ts";
import { type AudioFormat, composeAudio, payloadTypeOf, readAudio, sameAudio } from "./codecs.ts";
import { OID } from "./generic.ts";
import { composeH264, readH264Profiles, type VideoFormat } from "./h264.ts";

/** H.224 on RTP (RFC 4573): there is but one. */
export interface CameraFormat {
  readonly codec: "H224";
  readonly payloadType?: number;
}
export type MediaFormat = AudioFormat | VideoFormat | CameraFormat;

/** A session of a call, with what is sent in it. */
export type LineFormat =
  | { readonly line: "audio"; readonly format: AudioFormat }
  | { readonly line: "video" | "content"; readonly format: VideoFormat }
  | { readonly line: "camera"; readonly format: CameraFormat };
export type LineName = LineFormat["line"];
export const LINES: readonly LineName[] = ["audio", "video", "content", "camera"];

/** H.239's presentation has the first session that is nobody's by H.245 6.2.9.1 and that field devices use; the master names it. */
const CONTENT_SESSION = 32;

/** What differs between the lines. */
export interface Kind<F extends MediaFormat> {
  readonly name: LineName;
  /** H.245 6.2.9.1: 1 audio, 2 video, 3 data; more are named by the master. */
  readonly session: number;
  /** Whether a peer may name this session. */
  ownSession(session: number): boolean;
  compose(format: F): DataType;
  /** Undefined for anything else. A channel that may be several is the first of those that `accept` has. */
  read(dataType: DataType, accept: readonly F[]): F | undefined;
  same(a: F, b: F): boolean;
  label(format: F): LineFormat;
}

export const AUDIO: Kind<AudioFormat> = {
  name: "audio",
  session: 1,
  ownSession: (session) => session === 1,
  compose: (format) => ({ audioData: composeAudio(format) }),
  read: ({ audioData }) => readAudio(audioData),
  same: sameAudio,
  label: (format) => ({ line: "audio", format }),
};

export const VIDEO: Kind<VideoFormat> = {
  name: "video",
  session: 2,
  ownSession: (session) => session === 2,
  compose: (format) => ({ videoData: composeH264(format) }),
  read: ({ videoData }, accept) => acceptable(readH264Profiles(videoData), accept),
  same: (a, b) => a.profile === b.profile,
  label: (format) => ({ line: "video", format }),
};

export const CONTENT: Kind<VideoFormat> = {
  name: "content",
  session: CONTENT_SESSION,
  ownSession: (session) => session > 3,
  compose: (format) => ({ videoData: composeContent(format) }),
  read: ({ videoData }, accept) => acceptable(readContent(videoData), accept),
  same: (a, b) => a.profile === b.profile,
  label: (format) => ({ line: "content", format }),
};

/** H.241 8.3.2.1: a stream of two profiles is one that a decoder of either can take. */
function acceptable(formats: readonly VideoFormat[], accept: readonly VideoFormat[]): VideoFormat | undefined {
  return formats.find((format) => accept.some(({ profile }) => profile === format.profile)) ?? formats[0];
}

export const CAMERA: Kind<CameraFormat> = {
  name: "camera",
  session: 3,
  ownSession: (session) => session >= 3,
  compose: () => ({ data: composeCamera() }),
  read: ({ data }) => (isCamera(data) ? { codec: "H224" } : undefined),
  same: () => true,
  label: (format) => ({ line: "camera", format }),
};

/** The line a channel is for; undefined for what nobody here has a name for. */
export function lineOf(dataType: DataType): LineName | undefined {
  if (dataType.audioData !== undefined) return "audio";
  if (dataType.videoData?.extendedVideoCapability !== undefined) return "content";
  if (dataType.videoData !== undefined) return "video";
  return isCamera(dataType.data) ? "camera" : undefined;
}

/** What channel parameters say of a format: its payload type, and of H.264 how it is cut into packets. */
export function rtpParameters(format: MediaFormat): Partial<H2250LogicalChannelParameters> {
  const fixed = format.codec === "H264" || format.codec === "H224" ? undefined : payloadTypeOf(format.codec);
  if (fixed !== undefined || format.payloadType === undefined) return {};
  const payloadType = format.payloadType;
  if (format.codec !== "H264") return { dynamicRTPPayloadType: payloadType };
  const oid = PACKETIZATIONS[format.packetization.includes(1) ? 1 : 0];
  return { dynamicRTPPayloadType: payloadType, mediaPacketization: { rtpPayloadType: { payloadDescriptor: { oid }, payloadType } } };
}

/** The format with what a peer's channel parameters say of it. */
export function withParameters<F extends MediaFormat>(format: F, parameters: H2250LogicalChannelParameters): F {
  const rtp = parameters.mediaPacketization?.rtpPayloadType;
  const payloadType = parameters.dynamicRTPPayloadType ?? rtp?.payloadType;
  const dynamic = payloadType === undefined || payloadType < 96 ? {} : { payloadType };
  if (format.codec !== "H264") return { ...format, ...dynamic };
  return { ...format, ...dynamic, packetization: [rtp?.payloadDescriptor.oid === OID.h264NonInterleaved ? 1 : 0] };
}
