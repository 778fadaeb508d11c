import type { UdpKind, UdpPlan } from "../udp/index.ts";
import type { Folders } from "./control/places.ts";
import type { LogLevel } from "./messages.ts";

/** One line of the media server's log. Never holds a key, a password or the digits of a caller. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** What {@link startMediaServer} is given. */
export interface MediaServerOptions {
  /** Event socket: applications connect here. Port 0 is any. */
  readonly esl: { readonly host: string; readonly port: number; readonly password: string };
  /**
   * SIP, UDP and TCP on one port. Port 0 is any. `profile` is the name in `sofia status` (drachtio_mrf). With `tls`, SIP over TLS as well.
   */
  readonly sip: {
    readonly host: string;
    readonly port: number;
    readonly profile?: string;
    /** Calls must show that they know it (call-proof.ts). Default: nothing is demanded. */
    readonly secret?: string;
    readonly tls?: { readonly port: number; readonly cert: string; readonly key: string };
  };
  /** Media: even ports from `minPort`, each call takes two, RTP and RTCP. */
  readonly rtp: { readonly host: string; readonly minPort: number; readonly maxPort: number };
  /** Threads that carry media. Default 1; each is good for some hundreds of G.711 participants. */
  readonly workers?: number;
  /** Address in the SDP, when it is not `rtp.host`. */
  readonly advertise?: string;
  /** Codecs in our order of preference. Default OPUS, G722, PCMU, PCMA. */
  readonly codecs?: readonly string[];
  /** Folder for relative file names. Default: the working directory. */
  readonly sounds?: string;
  /** Folder for recordings with a relative name. Default: `sounds`. */
  readonly recordings?: string;
  /** Folder of music for `local_stream://NAME`: NAME.wav in it. Default: `sounds`. */
  readonly music?: string;
  /** Folders in which files may be played and recorded, links followed. Default: anywhere the process may. */
  readonly folders?: Folders;
  /** End a call after this long without any packet from its far end while packets are due, in seconds. 0 is never. Default 0, as FreeSWITCH's profile. */
  readonly rtpTimeoutSeconds?: number;
  /** Members of conferences are brought to a common level, until `conference NAME agc off`. Default false, as in FreeSWITCH. */
  readonly automaticGain?: boolean;
  /** Seconds between HEARTBEAT events. Default 20. */
  readonly heartbeatSeconds?: number;
  /** Calls at once; more are answered 503. Default 2000. */
  readonly maxSessions?: number;
  /** Kind of the sockets that carry media. Default: the better of those this machine has. */
  readonly sockets?: UdpKind;
  /** Called for each log line, in the caller's thread. Default: nothing is logged. */
  readonly log?: (record: LogRecord) => void;
}

/** What the control thread is started with. */
export interface ControlData extends Settings {
  /** Sockets of each media thread. What a thread opens is known here, in case control and media threads end together. */
  readonly udp: readonly UdpPlan[];
}

/** The options with every default filled in, as the control thread gets them (no functions: they cross a thread boundary). */
export interface Settings {
  readonly esl: { readonly host: string; readonly port: number; readonly password: string };
  readonly sip: {
    readonly host: string;
    readonly port: number;
    readonly profile: string;
    readonly secret?: string;
    readonly tls?: { readonly port: number; readonly cert: string; readonly key: string };
  };
  readonly rtp: { readonly host: string; readonly minPort: number; readonly maxPort: number };
  readonly workers: number;
  readonly advertise: string;
  readonly codecs: readonly string[];
  readonly sounds: string;
  readonly recordings: string;
  readonly music: string;
  readonly folders?: Folders;
  readonly rtpTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly maxSessions: number;
  readonly automaticGain: boolean;
}

/** Fills in defaults; throws RangeError where a number makes no sense. `cwd` is where relative file names start. */
export function settingsOf(options: MediaServerOptions, cwd: string): Settings {
  const { minPort, maxPort } = options.rtp;
  if (!(minPort >= 1024 && maxPort <= 65535 && maxPort - minPort >= 1)) throw new RangeError(`rtp ports ${minPort}-${maxPort}`);
  const workers = options.workers ?? 1;
  if (!(Number.isInteger(workers) && workers >= 1 && workers <= 64)) throw new RangeError(`workers: ${workers}`);
  const sounds = options.sounds ?? cwd;
  return {
    esl: options.esl,
    sip: { ...options.sip, profile: options.sip.profile ?? "drachtio_mrf" },
    rtp: options.rtp,
    workers,
    advertise: options.advertise ?? options.rtp.host,
    codecs: options.codecs ?? ["OPUS", "G722", "PCMU", "PCMA"],
    sounds,
    recordings: options.recordings ?? sounds,
    music: options.music ?? sounds,
    ...(options.folders ? { folders: options.folders } : {}),
    rtpTimeoutMs: (options.rtpTimeoutSeconds ?? 0) * 1000,
    heartbeatMs: (options.heartbeatSeconds ?? 20) * 1000,
    maxSessions: options.maxSessions ?? 2000,
    automaticGain: options.automaticGain ?? false,
  };
}
