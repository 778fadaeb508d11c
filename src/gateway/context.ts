import type { Logger } from "pino";
import type { GatewayEvent } from "../admin/ports.ts";
import type { Clock } from "../base/clock.ts";
import type { MediaPort } from "../call-media/media-server.ts";
import type { SessionTimerPolicy } from "../legs/sip/session-timer.ts";
import type { Srf } from "../legs/sip/drachtio.ts";
import { DEFAULT_TIMINGS, type JoinTimings } from "../ivr/join-types.ts";
import type { MemoryDirectory } from "../meetings/directory.ts";
import type { PinLockout } from "../meetings/pin-lockout.ts";
import type { RecordStore } from "../records/model.ts";
import type { Defence } from "../security/defence.ts";
import type { Sfu } from "../sfu/port.ts";
import type { TrunkLimits } from "../trunks/limits.ts";
import type { RegistrationView, Trunk } from "../trunks/model.ts";
import type { TrunkRecognition } from "../trunks/recognition.ts";
import type { Registrar } from "../trunks/registrar.ts";
import type { VideoRelay } from "../video/port.ts";
import { TRUNK_HEADER } from "../wire/sip/peer-certificate.ts";
import type { CallAdmission } from "./call/admission.ts";
import type { Call } from "./call/call.ts";
import type { RefusalSampler } from "./call/refusal-sampler.ts";
import type { Cameras } from "./meeting/far-end-camera.ts";
import type { Presenting } from "./meeting/presenter.ts";
import type { GatewayConfig, GatewayMetrics, IvrTimings } from "./options.ts";

/** What the gateway's parts share. Each has one owner; this only says where they are. */
export interface GatewayContext {
  /** The configuration in force; replaced as a whole by a reload. */
  config: GatewayConfig;
  readonly log: Logger;
  readonly clock: Clock;
  readonly srf: Srf;
  readonly media: MediaPort;
  readonly sfu: Sfu;
  readonly presenting: Presenting;
  readonly cameras: Cameras;
  /** Null: calls are audio only. */
  readonly video: VideoRelay | null;
  readonly directory: MemoryDirectory;
  readonly lockout: PinLockout;
  readonly recognition: TrunkRecognition;
  /** The SIP engine is the embedded one: it says who a TLS peer is, and strips the same from outside. */
  readonly peerStamps: boolean;
  readonly limits: TrunkLimits;
  /** Whether one more call is taken, whatever it comes by. */
  readonly admission: CallAdmission;
  /** Registrations of trunks with us, and ours with trunks. */
  readonly registrar: Registrar;
  readonly registrations: { view(trunk: Pick<Trunk, "name">): RegistrationView | null };
  readonly records: RecordStore;
  /** Which refused calls have a line and a record of their own. */
  readonly refusals: RefusalSampler;
  readonly metrics: GatewayMetrics;
  /** Where offences of callers are reported: `defence.offence(address, "wrong-pin")`. */
  readonly defence: Defence;
  /** File of a prompt as the media server sees it. */
  readonly promptsRoot: string;
  /** Folder of spoken names, as the media server sees it. */
  readonly namesFolder: string;
  readonly calls: Map<string, Call>;
  draining: boolean;
  emit(event: GatewayEvent): void;
}

/** Tells the embedded SIP engine whose certificates a request is under. Another engine has its own, and would send the field on. */
export function trunkHeaders({ peerStamps }: Pick<GatewayContext, "peerStamps">, trunk: Pick<Trunk, "name">): Record<string, string> {
  return peerStamps ? { [TRUNK_HEADER]: trunk.name } : {};
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

/** The configured waits in milliseconds. */
export function timingsOf(ivr: IvrTimings = {}): JoinTimings {
  const ms = (seconds: number | undefined, otherwise: number) => (seconds === undefined ? otherwise : seconds * 1000);
  return {
    entryMs: ms(ivr.entrySeconds, DEFAULT_TIMINGS.entryMs),
    firstDigitMs: ms(ivr.firstDigitSeconds, DEFAULT_TIMINGS.firstDigitMs),
    interDigitMs: ms(ivr.interDigitSeconds, DEFAULT_TIMINGS.interDigitMs),
    tries: ivr.tries ?? DEFAULT_TIMINGS.tries,
    lobbyMs: ms(ivr.lobbySeconds, DEFAULT_TIMINGS.lobbyMs),
    hostMs: ms(ivr.hostSeconds, DEFAULT_TIMINGS.hostMs),
  };
}

/** Session timers of a call of this trunk; of no trunk's, the configuration's. */
export function sessionTimerOf(context: Pick<GatewayContext, "config">, trunk: Pick<Trunk, "sessionTimer"> | null): SessionTimerPolicy {
  if (trunk?.sessionTimer) return trunk.sessionTimer;
  const { expires = 1800, minSe = 90 } = context.config.sessionTimer ?? {};
  return { expires, minSe };
}

/** The trunk of this name, the default one too. */
export function trunkNamed(context: Pick<GatewayContext, "config">, name: string | null): Trunk | undefined {
  const { trunks, defaultTrunk } = context.config;
  return name === null
    ? undefined
    : (trunks.find((trunk) => trunk.name === name) ?? (defaultTrunk?.name === name ? defaultTrunk : undefined));
}
