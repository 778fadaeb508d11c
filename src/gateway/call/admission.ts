import type { Clock, Millis } from "../../base/clock.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import { sourceOf } from "../../base/ip-address.ts";
import { SourceLimit, STRANGER_CALLS_PER_SECOND } from "../../trunks/limits.ts";
import type { OverloadLimits } from "../options.ts";
import { LOAD_DEFAULTS, type LoadMeter, overloadReason } from "../overload.ts";
import { type GatewayRefusal, refuse } from "./refusals.ts";
import type { Call } from "./call.ts";
import type { Settings } from "../settings.ts";

/** Calls of one source of strangers at a time, for each call a second that it may bring. */
const CALLS_FOR_EACH_PER_SECOND = 5;
/** Percent of calls, media ports and load that is for trunks, where nothing else is configured. */
const KEPT_FOR_TRUNKS = 25;
/** Media ports that a new call may come to need. */
const PORTS_OF_NEW_CALL = 8;

/** Calls a second that trunks have together however loaded the gateway is: a few more make no difference to a load that strangers make. */
const TRUNKS_RESERVE = { perSecond: 20, burst: 40 };
/** Beyond so many times `eventLoopMs` nothing is taken: a call would not be answered in time. */
const LATEST = 10;

/** What of the gateway decides whether a call is taken. */
export interface AdmissionParts {
  readonly settings: Settings;
  readonly calls: ReadonlyMap<string, Call>;
  readonly clock: Clock;
  readonly load: Pick<LoadMeter, "samples">;
}

/** `challenged`: asked for credentials of a trunk, which costs little and may be followed by the trunk's call. */
export type CallerKind = "trunk" | "challenged" | "stranger";

/** Whether one more call is taken: SIP, H.323 and browsers are counted together, by IPv4 address or IPv6 /64. Strangers are the first to be refused. */
export class CallAdmission {
  readonly #parts: AdmissionParts;
  readonly #sources = new SourceLimit();
  readonly #reserve = new TokenBucket(TRUNKS_RESERVE.perSecond, TRUNKS_RESERVE.burst);

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Counts a new call from `address`; why it is not taken, or null. `replaced`: so many calls end by it. */
  refusal(address: string, kind: CallerKind, replaced = 0): GatewayRefusal | null {
    const { settings, calls, clock } = this.#parts;
    const { config, draining } = settings;
    if (draining) return refuse("draining", "the gateway is being taken out of service");
    const limits = config.overload ?? {};
    const rate = limits.callsPerSecondPerSource ?? (kind === "trunk" ? 0 : STRANGER_CALLS_PER_SECOND);
    const burst = limits.callsPerSecondPerSource === undefined ? 2 * rate : rate;
    if (!this.#sources.allow(address, rate, clock.now(), burst)) {
      return refuse("overload", `${sourceOf(address)} calls more often than it may`, { text: "Too many calls", retryAfterSeconds: 2 });
    }
    const overload = overloadReason(calls.size - replaced, this.#parts.load.samples, limits);
    if (overload && !(kind === "trunk" && this.#isReserved(calls.size - replaced, limits, clock.now())))
      return refuse("overload", overload);
    return kind === "stranger" ? this.#ofStrangers(address, limits) : null;
  }

  /** Whether a trunk's call is taken though the gateway is loaded: by its calls it is not full. */
  #isReserved(calls: number, limits: OverloadLimits, now: Millis): boolean {
    if ((limits.keptForTrunks ?? KEPT_FOR_TRUNKS) === 0) return false;
    const eventLoopMs = LATEST * (limits.eventLoopMs ?? LOAD_DEFAULTS.eventLoopMs);
    return overloadReason(calls, this.#parts.load.samples, { ...limits, eventLoopMs, cpuPercent: 0 }) === null && this.#reserve.take(now);
  }

  #ofStrangers(address: string, limits: OverloadLimits): GatewayRefusal | null {
    const { settings, calls } = this.#parts;
    const { config } = settings;
    const strangers = [...calls.values()].filter((call) => isStranger(call, config.defaultTrunk?.name));
    const most = limits.callsPerSource ?? (limits.callsPerSecondPerSource ?? STRANGER_CALLS_PER_SECOND) * CALLS_FOR_EACH_PER_SECOND;
    const source = sourceOf(address);
    if (most > 0 && strangers.filter((call) => sourceOf(call.leg.info.address) === source).length >= most)
      return refuse("overload", `${source} has the ${most} calls that a source of strangers may have`, { text: "Too many calls" });
    const share = 1 - (limits.keptForTrunks ?? KEPT_FOR_TRUNKS) / 100;
    if (config.trunks.length === 0 || share >= 1) return null;
    const maxCalls = limits.maxCalls ?? 0;
    if (maxCalls > 0 && strangers.length >= maxCalls * share)
      return refuse("overload", `strangers have the ${strangers.length} calls that they may have of ${maxCalls}: the rest is for trunks`);
    const ports = strangers.reduce((sum, call) => sum + portsOf(call), PORTS_OF_NEW_CALL);
    if (limits.mediaPorts !== undefined && ports > limits.mediaPorts * share)
      return refuse("overload", `strangers have the media ports that they may have of ${limits.mediaPorts}: the rest is for trunks`);
    const { eventLoopMs = LOAD_DEFAULTS.eventLoopMs, cpuPercent = LOAD_DEFAULTS.cpuPercent } = limits;
    const load = overloadReason(0, this.#parts.load.samples, {
      maxCalls: 0,
      eventLoopMs: eventLoopMs * share,
      cpuPercent: cpuPercent * share,
    });
    return load === null ? null : refuse("overload", `${load}: strangers are not taken, the rest is for trunks`);
  }
}

/** A caller whom no trunk recognises, nor a token. */
function isStranger({ leg, trunk, trust }: Call, unknown: string | undefined): boolean {
  if (leg.info.direction === "out") return false;
  return trunk === null ? trust !== "verified" : trunk === unknown;
}

/** Media ports that a call has: two for each line, and those of relays before it. */
function portsOf({ leg, pictures }: Call): number {
  const lines = 1 + (pictures?.all.length ?? 0);
  return leg.info.protocol === "sip" ? 2 * lines : 4 * lines;
}
