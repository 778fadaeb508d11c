// What the control thread and the media threads say to each other. Plain data only: it crosses thread boundaries.
import type { MediaSources } from "../rtp/latch.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Who hears whom, from our side. */
export type Direction = "sendrecv" | "sendonly" | "recvonly" | "inactive";

/** The audio codec of a leg, both ways. Payload types differ where the peers chose so (RFC 3264 section 5.1). */
export interface LegCodec {
  /** PCMU, PCMA, G722 or opus. */
  readonly name: "PCMU" | "PCMA" | "G722" | "opus";
  readonly sendPayloadType: number;
  readonly receivePayloadType: number;
  /** Our packets' length, ms. */
  readonly ptime: number;
}

/** Keys of one direction. */
export interface LegKeys {
  /** Name as in SDP. */
  readonly suite: string;
  readonly masterKey: Uint8Array;
  readonly masterSalt: Uint8Array;
  readonly mki?: Uint8Array;
}

/** How a leg sends and receives from now on. */
export interface LegConfig {
  /** The first is what we send; any may come. */
  readonly codecs: readonly LegCodec[];
  /** The peer reads Opus' in-band FEC, wants DTX. */
  readonly opus?: {
    readonly fec: boolean;
    readonly dtx: boolean /** Bits a second; the default where absent. */;
    readonly maxBitrate?: number;
  };
  readonly remote: { readonly address: string; readonly port: number; readonly rtcpPort: number };
  /** From where media without SRTP are believed, besides `remote`; the hosts of none where absent. */
  readonly sources?: MediaSources;
  readonly rtcpMux: boolean;
  /** Nothing is sent before `release`: the far end has not acknowledged the call. */
  readonly held?: boolean;
  /** The far end may send from other ports than it receives on. */
  readonly asymmetric?: boolean;
  readonly direction: Direction;
  /** RFC 4733, where negotiated; `rate` is its clock. */
  readonly dtmf?: EventFormat & { readonly sendPayloadType: number };
  /** Further formats that events are heard in. */
  readonly otherEvents?: readonly EventFormat[];
  /** Comfort noise payload type (RFC 3389), where negotiated. */
  readonly cn?: number;
  readonly srtp?: { readonly send: LegKeys; readonly receive: LegKeys };
}

/** A format of telephone events (RFC 4733); `rate` is its clock, Hz. */
export interface EventFormat {
  readonly receivePayloadType: number;
  readonly rate: number;
}

/** What a played source was, once it ended. */
export interface PlayResult {
  readonly reason: "done" | "stopped" | "timeout" | "not-found" | "error";
  /** Samples read from the source, at its own rate, in FreeSWITCH's blocks. */
  readonly samplesIn: number;
  readonly nativeRate: number;
  /** Samples heard, at the leg's rate, plus the offset it started from. */
  readonly position: number;
  readonly message?: string;
}

/** What a recording was, once it ended. */
export interface RecordResult {
  readonly reason: "stopped" | "limit" | "silence" | "hangup" | "error" | "not-opened";
  readonly samples: number;
  readonly rate: number;
  readonly bytes: number;
  readonly message?: string;
}

/** Counters of a leg, named as FreeSWITCH's variables without `rtp_audio_`. */
export interface LegStats {
  readonly counters: Readonly<Record<string, number>>;
  /** From RTCP; -1 where not known yet. */
  readonly roundTripMs: number;
  /** Where the media comes from now. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** SRTP packets that did not authenticate. */
  readonly authFailures: number;
  readonly ssrc: number;
}

/** How a member takes part in a conference. */
export interface MemberState {
  readonly speak: boolean;
  readonly hear: boolean;
  /** How loud the member is to the others, and the others to it. */
  readonly gainInDb: number;
  readonly gainOutDb: number;
  /** Mean amplitude below which the member is not heard at all; 100 leaves the choice to the mixer's voice activity. */
  readonly energy: number;
}

/** A pair of frame rings through which a member on another worker takes part. */
export interface MemberLink {
  readonly toRoom: SharedArrayBuffer;
  readonly fromRoom: SharedArrayBuffer;
  readonly rate: number;
}

/** Control thread to media thread. Ids are given by the control thread; a job id names a playback or recording. */
export type ToMedia =
  | { readonly t: "open"; readonly req: number; readonly id: number }
  | { readonly t: "configure"; readonly id: number; readonly config: LegConfig }
  | { readonly t: "close"; readonly req: number; readonly id: number }
  | {
      readonly t: "play";
      readonly id: number;
      readonly job: number;
      readonly source: string;
      readonly seek: number;
      readonly timeoutMs: number;
    }
  | {
      readonly t: "record";
      readonly id: number;
      readonly job: number;
      readonly path: string;
      readonly limitMs: number;
      readonly silenceThreshold: number;
      readonly silenceHits: number;
      readonly append: boolean;
      readonly rate: number;
    }
  | {
      readonly t: "tap";
      readonly id: number;
      readonly job: number;
      readonly path: string;
      readonly limitMs: number;
      readonly stereo: boolean;
      readonly side: "both" | "read" | "write";
    }
  | { readonly t: "pause"; readonly job: number; readonly paused: boolean }
  | { readonly t: "stop"; readonly job: number }
  | { readonly t: "send-dtmf"; readonly id: number; readonly digits: string; readonly durationMs: number }
  | { readonly t: "release"; readonly id: number }
  | { readonly t: "mute"; readonly id: number; readonly read?: boolean; readonly write?: boolean }
  | { readonly t: "gain"; readonly id: number; readonly readDb: number; readonly writeDb: number }
  | { readonly t: "detect-dtmf"; readonly id: number; readonly on: boolean }
  | { readonly t: "bridge"; readonly a: number; readonly b: number }
  | { readonly t: "link"; readonly id: number; readonly link: MemberLink | undefined }
  | { readonly t: "unbridge"; readonly id: number }
  | { readonly t: "stats"; readonly req: number; readonly id: number }
  | { readonly t: "room-open"; readonly room: number; readonly music: string | undefined }
  | { readonly t: "room-close"; readonly room: number }
  | { readonly t: "room-music"; readonly room: number; readonly source: string | undefined }
  | { readonly t: "room-agc"; readonly room: number; readonly on: boolean }
  | {
      readonly t: "room-join";
      readonly room: number;
      readonly member: number;
      readonly id?: number;
      readonly link?: MemberLink;
      readonly state: MemberState;
    }
  | { readonly t: "room-leave"; readonly room: number; readonly member: number }
  | { readonly t: "room-member"; readonly room: number; readonly member: number; readonly state: MemberState }
  | { readonly t: "room-play"; readonly room: number; readonly member: number | undefined; readonly job: number; readonly source: string }
  | { readonly t: "room-record"; readonly room: number; readonly job: number; readonly path: string; readonly rate: number }
  | { readonly t: "load"; readonly req: number }
  | { readonly t: "exit" };

/** Who sends to a leg's ports although another is listened to. */
export interface ContendingSource {
  readonly address: string;
  readonly port: number;
  readonly rtcp: boolean;
  /** Where the media that are taken come from, or would go to: `192.0.2.1:4000`. */
  readonly believed: string;
}

/** What a media thread carries, for status and for choosing where the next call goes. */
export interface WorkerLoad {
  readonly legs: number;
  readonly rooms: number;
  /** Share of time the thread worked, 0 to 1, over the last second. */
  readonly busy: number;
  /** Ticks that began more than 20 ms late, since start. */
  readonly lateTicks: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  /** Packets dropped that came from elsewhere than the source that is believed. */
  readonly strangerPackets: number;
  readonly heapBytes: number;
}

/** Media thread to control thread. */
export type FromMedia =
  | { readonly t: "ready" }
  | { readonly t: "opened"; readonly req: number; readonly rtpPort: number; readonly rtcpPort: number }
  | { readonly t: "failed"; readonly req: number; readonly message: string }
  | { readonly t: "closed"; readonly req: number; readonly stats: LegStats }
  | { readonly t: "stats"; readonly req: number; readonly stats: LegStats }
  | { readonly t: "load"; readonly req: number; readonly load: WorkerLoad }
  | { readonly t: "play-started"; readonly job: number }
  | { readonly t: "played"; readonly job: number; readonly result: PlayResult }
  | { readonly t: "record-started"; readonly job: number }
  | { readonly t: "recorded"; readonly job: number; readonly result: RecordResult }
  | {
      readonly t: "dtmf";
      readonly id: number;
      readonly digit: string;
      readonly durationMs: number;
      readonly source: "RTP" | "INBAND_AUDIO";
    }
  | { readonly t: "timeout"; readonly id: number; readonly silentMs: number }
  /** Somebody else sends to the leg's ports than the far end we listen to. Told once a leg. */
  | { readonly t: "contended"; readonly id: number; readonly source: ContendingSource }
  | { readonly t: "talking"; readonly room: number; readonly member: number; readonly on: boolean; readonly energy: number }
  | { readonly t: "floor"; readonly room: number; readonly member: number | undefined }
  | {
      readonly t: "log";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, string | number | boolean>>;
    };
