import type { AccessNumber } from "../trunks/access-numbers.ts";
import type { Logger } from "pino";
import type { GatewayControl, MeetingInput } from "../admin/ports.ts";
import type { Clock } from "../base/clock.ts";
import type { DigitWay } from "../legs/h323/description.ts";
import type { MediaPort } from "../call-media/media-server.ts";
import type { Language } from "../meetings/model.ts";
import type { OutcomeCode, RecordStore } from "../records/model.ts";
import type { Defence } from "../security/defence.ts";
import type { ConferenceApi, Sfu } from "../sfu/port.ts";
import type { CallTraces } from "../trace/index.ts";
import type { Trunk } from "../trunks/model.ts";
import type { IdentityCheck } from "../trunks/recognition.ts";
import type { VideoRelay } from "../video/port.ts";
import type { IceServerSetup } from "../web/ice.ts";
import type { VisitHost } from "../web/ports.ts";
import type { WebRtc } from "../webrtc/index.ts";

/** Where an engine, embedded or not, listens for the gateway. */
export interface EngineAddress {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** The media server's event socket, and how the media server reaches us. */
export interface MediaServerAddress extends EngineAddress {
  /** Address our callback listener binds; the loopback address unless the media server is elsewhere. */
  readonly listenAddress?: string;
  /** Address and port told to the media server when it is not the bound one (NAT, containers). */
  readonly advertisedAddress?: string;
  readonly advertisedPort?: number;
  /** SIP profile; `drachtio_mrf` where absent. */
  readonly profile?: string;
  /** Secret of this start, by which the embedded media server knows our calls. */
  readonly callSecret?: string;
  /** Folder of spoken names, as the media server sees it; the system's for temporary files where absent. */
  readonly names?: string;
}

/**
 * A meeting of the configuration: as the API takes it, with its identifier. PINs are digits, or hashes made by
 * `hashPin` (they start with `scrypt$`); digits are hashed before anything keeps them.
 */
export type MeetingDefinition = MeetingInput & { readonly id: string };

/** How long the join dialogue waits, in seconds, and how often it asks. */
export interface IvrTimings {
  /** For a PIN or a number, in all; 120 where absent. */
  readonly entrySeconds?: number;
  /** Between two digits; 5 where absent. */
  readonly interDigitSeconds?: number;
  /** Before a prompt is said again; 8 where absent. */
  readonly firstDigitSeconds?: number;
  /** PINs or numbers asked for before the call ends; 3 where absent. */
  readonly tries?: number;
  /** In the lobby; 900 where absent. */
  readonly lobbySeconds?: number;
  /** Waiting for the host; 900 where absent. */
  readonly hostSeconds?: number;
}

/** When new calls are answered 503. Zero turns a limit off. */
export interface OverloadLimits {
  /** Most calls at a time. */
  readonly maxCalls?: number;
  /** Event-loop delay, 99th percentile over a second, in milliseconds; 250 where absent. */
  readonly eventLoopMs?: number;
  /** Of one core, for the gateway's own thread, in percent; 95 where absent. */
  readonly cpuPercent?: number;
  /** New calls a second from one source, an IPv4 address or IPv6 /64, trunks' too; where absent 20, of strangers only. */
  readonly callsPerSecondPerSource?: number;
  /** Calls at a time of one source of strangers; where absent five times what it may bring a second. */
  readonly callsPerSource?: number;
  /** Percent of calls, media ports and load that is for callers a trunk recognises; 25 where absent. */
  readonly keptForTrunks?: number;
  /** How many media ports there are; not counted where absent. */
  readonly mediaPorts?: number;
}

/** RFC 4028 session timers. */
export interface SessionTimerConfig {
  /** Session-Expires we ask for and answer with, seconds; 1800 where absent; 0 turns our own use off. */
  readonly expires?: number;
  /** Min-SE, seconds; 90 where absent. */
  readonly minSe?: number;
}

/** What pictures may be. */
export interface VideoLimits {
  readonly codecs: readonly ("H264" | "VP8")[];
  /** `profile-level-id` we ask for and offer. */
  readonly profileLevelId: string;
  /** Bits per second of one picture. */
  readonly maxBitrate: number;
  /** Where floors (BFCP) of SIP calls are held. */
  readonly floor: { readonly host: string; readonly advertise: string; readonly ports: { readonly min: number; readonly max: number } };
}

/** What of the configuration file is the gateway's. Everything here can be reloaded while calls are up. */
export interface GatewayConfig {
  readonly meetings: readonly MeetingDefinition[];
  readonly trunks: readonly Trunk[];
  /** SHA-256, lower-case hex, of the certificates in each file that a trunk names as its CA. */
  readonly roots?: ReadonlyMap<string, readonly string[]>;
  /** Those of the CAs by which trunks are known that name none. */
  readonly commonRoots?: readonly string[];
  /** The identity checks that trunks name (`identity.module`), by file. */
  readonly identityChecks?: ReadonlyMap<string, IdentityCheck>;
  /** Trunk of callers nobody recognises: the demo's. Null: they are refused. */
  readonly defaultTrunk: Trunk | null;
  /** User parts and E.164 numbers that ask for the meeting's number (`meet`, `+15550100`). */
  readonly accessNumbers: readonly string[];
  /** Telephone numbers of trunks and where each leads. */
  readonly numbers?: readonly AccessNumber[];
  readonly language: Language;
  readonly ivr?: IvrTimings;
  readonly overload?: OverloadLimits;
  readonly sessionTimer?: SessionTimerConfig;
  /** Audio codecs offered and accepted, in order; `["opus","G722","PCMU","PCMA"]` where absent. */
  readonly codecs?: readonly string[];
  /** Null or absent: no pictures. */
  readonly video?: VideoLimits | null;
  /** User part of our From in calls we make; `crosspoint` where absent. */
  readonly callerUser?: string;
  /** Host part of our From in calls we make; the SIP engine's address where absent. */
  readonly callerHost?: string;
  /** How long a call of ours may ring, in seconds; 120 where absent. */
  readonly ringSeconds?: number;
  /** Seconds between OPTIONS to each trunk's target; 0 or absent: none are sent. */
  readonly trunkOptionsSeconds?: number;
  /** Our gatekeeper's rules; where absent nobody may register. */
  readonly gatekeeper?: GatekeeperSettings;
  /** The gatekeeper that we are registered with; none where absent. */
  readonly upstream?: UpstreamSettings | null;
}

/** Times of a call's way into the meeting, counted from its INVITE. */
export type CallStage = "answered" | "first-prompt" | "joined";

/** How many lines of pictures calls of one protocol have. */
export interface PictureLines {
  readonly protocol: string;
  /** `further`: a browser's pictures of who spoke before. */
  readonly kind: "camera" | "screen" | "further";
  readonly lines: number;
}

/** What the gateway counts and times; every call is cheap and never throws. Implemented with prom-client by `admin`. */
export interface GatewayMetrics {
  /** A new call, before anything is known about it. */
  callStarted(labels: { direction: "in" | "out"; protocol: string; transport: string }): void;
  /** A call came to its end, refused (never answered) or not. `seconds` counts from the INVITE. */
  callEnded(labels: { direction: "in" | "out"; trunk: string | null; outcome: OutcomeCode; answered: boolean; seconds: number }): void;
  stage(stage: CallStage, milliseconds: number): void;
  /** Of every PIN that was tried; `locked-out` and `overload` were not compared. */
  pin(result: "right" | "wrong" | "locked-out" | "overload"): void;
  /** Calls up, participants in meetings, and calls' lines of pictures, now. */
  gauges(values: { calls: number; participants: number; meetings: number; pictures: readonly PictureLines[] }): void;
  engine(name: "sip" | "media", connected: boolean): void;
}

/** Metrics of a gateway that nobody measures. */
export const NO_METRICS: GatewayMetrics = {
  callStarted: () => undefined,
  callEnded: () => undefined,
  stage: () => undefined,
  pin: () => undefined,
  gauges: () => undefined,
  engine: () => undefined,
};

interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Rules of our own gatekeeper. All but `identifier` can be reloaded. */
export interface GatekeeperSettings {
  readonly identifier: string;
  /** Seconds. */
  readonly timeToLive: number;
  readonly registration: "anybody" | "listed";
  readonly endpoints: readonly { readonly alias: string; readonly password?: string | undefined }[];
  /** By address. */
  readonly neighbours: readonly HostPort[];
}

/** Where and as what we register. */
export interface UpstreamSettings {
  /** A name or an address. */
  readonly gatekeeper: HostPort;
  readonly identifier: string | null;
  readonly aliases: readonly string[];
  readonly prefixes: readonly string[];
  readonly discover: boolean;
  /** How we cross a firewall on our side (H.460.18 or H.460.17, with H.460.19). */
  readonly traversal: "none" | "h46018" | "h46017";
  /** Seconds. */
  readonly timeToLive: number;
  readonly credentials: { readonly user: string; readonly password: string; readonly method: "hmac" | "md5" } | null;
}

/** Certificates of TLS listeners, PEM. */
export interface TlsMaterial {
  /** With the whole chain. */
  readonly cert: string;
  readonly key: string;
  readonly cas: readonly string[];
  readonly legacyCiphers: boolean;
}

/** Where H.323 is taken. */
export interface H323Listeners {
  readonly host: string;
  /** Call signalling, TCP; 0 for any free port. */
  readonly signalling: number;
  /** Call signalling over TLS; not at all where absent. */
  readonly tls?: { readonly port: number; readonly material: TlsMaterial };
  /** RAS, UDP; null for none. */
  readonly ras: number | null;
  /** Endpoints behind firewalls are served (H.460.17, .18, .19); not at all where absent. */
  readonly traversal?: {
    /** Seconds between their refreshes, at most. */
    readonly timeToLive: number;
    /** UDP port of media of many calls, RTCP on the next; none where absent. */
    readonly multiplex?: number;
  };
  /** UDP ports of relays for media that the media server does not see as they are (H.235.6, H.460.19). */
  readonly mediaPorts: { readonly min: number; readonly max: number };
  /** Address told to peers, where it is not the listening one. */
  readonly advertise?: string;
  /** Ways in which peers are asked to send keys; all where absent. */
  readonly digits?: readonly DigitWay[];
}

/** What becomes of browsers that come. */
export interface WebCallers {
  /** Whether those without a join token are taken. */
  readonly anyone: boolean;
  /** For the page. */
  readonly ice: { readonly servers: readonly IceServerSetup[]; readonly policy: "all" | "relay" };
}

export interface WebGatewayOptions {
  readonly webrtc: WebRtc;
  readonly callers: WebCallers;
  /** The address by which we reach our own media server, of the one it tells the outside. */
  readonly reach: (address: string) => string;
}

/** Everything `createGateway` needs. */
export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly logger: Logger;
  readonly drachtio: EngineAddress;
  readonly freeswitch: MediaServerAddress;
  readonly records: RecordStore;
  /** Folder of the prompts as the media server sees it: `<root>/<language>/<id>.wav`. */
  readonly promptsRoot: string;
  readonly version: string;
  /** The media server is ours alone: sessions are opened and closed once it is connected, so that the first callers meet compiled code. */
  readonly rehearse?: boolean;
  /**
   * Which SIP engine `drachtio` names; `embedded` where absent. Only the embedded one stamps the certificate of a TLS peer and strips the stamp from
   * outside: with drachtio-server the stamp is not believed, and trunks are not recognised by certificate.
   */
  readonly sipEngine?: "embedded" | "drachtio";
  readonly metrics?: GatewayMetrics;
  /** Messages of calls that are traced; none are where absent. */
  readonly traces?: CallTraces;
  readonly clock?: Clock;
  /** Whom the process listens to, and what bans; everybody and nothing where absent. */
  readonly defence?: Defence;
  /** Where meetings take place, given the media server and the relay; the media server's own conference where absent. */
  readonly sfu?: (media: MediaPort & ConferenceApi, video: VideoRelay | null) => Sfu;
  /** Where pictures are relayed; calls are audio only where absent. */
  readonly video?: VideoRelay;
  /** Where H.323 is taken; not at all where absent. */
  readonly h323?: H323Listeners;
  /** What browsers need; they are not taken where absent. */
  readonly web?: WebGatewayOptions;
}

/** What changed in a reload. */
export interface ReloadReport {
  readonly meetings: { readonly added: number; readonly changed: number; readonly removed: number };
  readonly trunks: { readonly added: number; readonly changed: number; readonly removed: number };
}

/** The running gateway. */
export interface Gateway extends GatewayControl {
  /** Where meeting pages are taken; undefined where none are. */
  readonly pages?: VisitHost & { close(): Promise<void> };
  /** Meetings, trunks and timings anew; calls that are up go on, also those of removed trunks and meetings. */
  reload(config: GatewayConfig): Promise<ReloadReport>;
  /** New certificates for the gateway's own TLS listener (H.323); calls that are up go on. Throws when they do not fit together; the old ones then stay. */
  reloadTls(material: TlsMaterial): void;
  /** New calls are answered 503 from now on (or no longer); resolves when the last call has gone, at once for `false`. */
  drain(on?: boolean): Promise<void>;
  /** Ends every call with BYE and a Reason, keeps their records, leaves the engines. Calls still in the join dialogue too. */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}
