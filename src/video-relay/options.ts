import type { UdpKind } from "../udp/index.ts";
import { DEFAULT_SPEAKER_TIMING, type SpeakerTiming } from "../video/index.ts";

/** One line of the relay's log. Never holds a key. */
export interface VideoLogRecord {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** What `startVideoRelay` is given. */
export interface VideoRelayOptions {
  /**
   * Media: even ports from `minPort`, each line takes two, RTP and RTCP. The range may be the media server's own: who finds a port taken tries the next,
   * and the relay begins in the middle.
   */
  readonly rtp: { readonly host: string; readonly minPort: number; readonly maxPort: number };
  /** Address that lines tell, when it is not `rtp.host`. */
  readonly advertise?: string;
  /** Threads. Default 1. A meeting lives on one. */
  readonly workers?: number;
  /** How calm the choice of the speaker's picture is. */
  readonly speaker?: SpeakerTiming;
  /** Its sockets' kind. Default: the better of those this machine has. */
  readonly sockets?: UdpKind;
  /** Called for each log line. Default: nothing is logged. */
  readonly log?: (record: VideoLogRecord) => void;
}

export interface VideoSettings {
  readonly sockets: UdpKind | undefined;
  readonly rtp: { readonly host: string; readonly minPort: number; readonly maxPort: number };
  readonly advertise: string;
  readonly workers: number;
  readonly speaker: SpeakerTiming;
  readonly log: (record: VideoLogRecord) => void;
}

/** Fills in defaults; throws RangeError where a number makes no sense. */
export function settingsOf(options: VideoRelayOptions): VideoSettings {
  const { minPort, maxPort } = options.rtp;
  if (!(minPort >= 1024 && maxPort <= 65535 && maxPort - minPort >= 1)) throw new RangeError(`rtp ports ${minPort}-${maxPort}`);
  const workers = options.workers ?? 1;
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= 64)) throw new RangeError(`workers: ${workers}`);
  return {
    rtp: options.rtp,
    sockets: options.sockets,
    advertise: options.advertise ?? options.rtp.host,
    workers,
    speaker: options.speaker ?? DEFAULT_SPEAKER_TIMING,
    log: options.log ?? (() => {}),
  };
}
