import { randomUUID } from "node:crypto";
import type { CallTraces } from "../trace/index.ts";
import type { Leg, LegInfo } from "../legs/leg.ts";
import type { Dialled } from "../meetings/dial-string.ts";
import type { Role, Trust } from "../meetings/model.ts";
import type { MediaPolicy } from "../negotiation/index.ts";
import type { Trunk } from "../trunks/model.ts";
import type { CallerEvidence, Recognition } from "../trunks/recognition.ts";
import type { CalledFrom, Reception } from "./call/answer.ts";
import { Call, type Destination } from "./call/call.ts";
import { followMessages } from "./call/call-trace.ts";
import type { CallRegistry } from "./call/call-registry.ts";
import type { Takeover } from "./call/handover.ts";
import { type GatewayRefusal, refuse } from "./call/refusals.ts";
import { type Settings, trunkNamed } from "./settings.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "pino";
import type { Defence } from "../security/defence.ts";
import type { GatewayMetrics } from "./options.ts";
import type { TrunkRecognition } from "../trunks/recognition.ts";
import type { CallAdmission } from "./call/admission.ts";
import type { TrunkLimits } from "../trunks/limits.ts";
import type { MediaPort } from "../call-media/media-server.ts";
import type { RefusalSampler } from "./call/refusal-sampler.ts";

/** The caller is known as a trunk's, or as a stranger of the default trunk, by what its protocol shows of it. */
export interface TrunkCaller {
  readonly kind: "trunk";
  readonly evidence: CallerEvidence;
  /** The protocol can ask the caller for credentials: SIP's 401. Elsewhere a trunk that demands a digest has no callers. */
  readonly challenges: boolean;
  /** What the protocol makes of a caller besides: a scanner, wrong credentials. Before the call is counted. */
  suspicion?(recognition: Recognition): GatewayRefusal | null;
}

/** The caller comes by no trunk; its protocol knows whether it is who it says: browsers with join tokens. */
export interface DirectCaller {
  readonly kind: "direct";
  readonly trust: Trust;
  readonly refusal: GatewayRefusal | null;
}

/** What the caller wants. */
export interface Wanted {
  readonly dialled: Dialled;
  /** Whose meetings it may be. */
  readonly from: CalledFrom;
  /** Role of a caller who needs no PIN; null: the dialogue tells. */
  readonly role: Role | null;
  /** Does not wait in the lobby. */
  readonly invited?: boolean;
}

/** What a protocol says and does of an incoming call. Everything else is the same for all of them: {@link IncomingCalls}. */
export interface IncomingAdapter {
  /** Identifier of the call, where the protocol's side has one already. */
  readonly id?: string;
  readonly info: LegInfo;
  readonly caller: TrunkCaller | DirectCaller;
  /** Makes the leg. `trunk`: as recognised; null for a caller of none, or one that is refused. Called once, first of all below. */
  open(trunk: Trunk | null): Leg;
  /** The call is there; nothing has been decided yet. Runs in the turn of `receive`. */
  begun?(call: Call): void;
  /** Why the request is refused whoever the caller is: what it asks for cannot be done, or its trunk's rules forbid it. */
  objection?(trunk: Trunk | null): GatewayRefusal | null;
  /** The call of the same trunk whose place this one is to take, or why it cannot; null where it comes for itself. */
  replaces?(trunk: Trunk): Takeover | GatewayRefusal | null;
  /** What was dialled, whoever calls: where the call is refused before anybody asks, its record names the meeting all the same. */
  dialled(trunk: Trunk | null): Dialled;
  /** The meeting wanted, or why it is none. */
  wanted(call: Call, trunk: Trunk | null): Wanted | GatewayRefusal | Promise<Wanted | GatewayRefusal>;
  /** Everything the protocol does before media are described: asking a gatekeeper, opening the browser's transport. May put another `destination` in the call. */
  prepare?(call: Call): Promise<GatewayRefusal | null>;
  /** What SRTP, codecs and sources of media are decided by. */
  mediaPolicy(trunk: Trunk | null): MediaPolicy;
  /** The offer is acceptable: ringing, where the protocol demands it. */
  beforeAnswer?(call: Call): Promise<void>;
  /** The call is up; the join dialogue follows. */
  answered?(call: Call, trunk: Trunk | null): void;
  /** Tells the caller. The call has its outcome already; its leg is not answered. */
  refuse(refusal: GatewayRefusal): void;
}

/** Who calls, once that is decided. */
interface Recognised {
  readonly recognition: Recognition | null;
  readonly trunk: Trunk | null;
  readonly trust: Trust;
  /** What recognition failed with; the caller is then nobody's. */
  readonly fault?: unknown;
}

/** Who is let in, how calls are answered, and where they are kept. */
export interface IncomingCallsParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly defence: Pick<Defence, "recognised">;
  readonly metrics: GatewayMetrics;
  readonly traces: CallTraces;
  readonly recognition: TrunkRecognition;
  readonly admission: CallAdmission;
  readonly limits: TrunkLimits;
  readonly media: Pick<MediaPort, "connected">;
  readonly refusals: RefusalSampler;
  readonly calls: ReadonlyMap<string, Call>;
  readonly reception: Reception;
  readonly registry: CallRegistry;
}

/**
 * The one way in. A call of every protocol takes these steps: evidence, admission, destination, media offer, answer, join. It leaves one record, whether it
 * is refused, given up, or fails: a fault in any step, the adapter's included, is recorded as `internal-error`.
 */
export class IncomingCalls {
  readonly #parts: IncomingCallsParts;

  constructor(parts: IncomingCallsParts) {
    this.#parts = parts;
  }

  /** Resolves when the call is answered, refused or over. Rejects only where there is no call: the adapter has not made its leg. */
  async receive(adapter: IncomingAdapter): Promise<void> {
    const { info } = adapter;
    this.#parts.metrics.callStarted({ direction: "in", protocol: info.protocol, transport: info.transport });
    const caller = this.#recognise(adapter);
    const call = this.#begin(adapter, caller);
    try {
      adapter.begun?.(call);
      if (caller.fault !== undefined) throw caller.fault;
      const asked = (caller.recognition?.kind === "trunk" && adapter.replaces?.(caller.recognition.trunk)) || null;
      const takeover = asked && "take" in asked ? asked : null;
      const refusal = this.#admit(call, adapter, caller, asked) ?? (await this.#answer(call, adapter, { trunk: caller.trunk, takeover }));
      if (refusal && !call.over) this.#refuse(call, adapter, refusal);
    } catch (error) {
      this.#failed(call, adapter, error);
    }
  }

  #recognise({ caller }: IncomingAdapter): Recognised {
    if (caller.kind === "direct") return { recognition: null, trunk: null, trust: caller.trust };
    let recognition: Recognition;
    try {
      recognition = this.#parts.recognition.recognise(caller.evidence, this.#parts.clock.now());
    } catch (fault) {
      return { recognition: null, trunk: null, trust: "unverified", fault };
    }
    if (recognition.kind === "trunk") {
      if (recognition.trunk !== this.#parts.settings.config.defaultTrunk) this.#parts.defence.recognised(caller.evidence.address);
      return { recognition, trunk: recognition.trunk, trust: recognition.trunk.trust };
    }
    const trunk = recognition.kind === "challenge" && caller.challenges ? recognition.trunk : null;
    return { recognition, trunk, trust: "unverified" };
  }

  #begin(adapter: IncomingAdapter, { recognition, trunk, trust }: Recognised): Call {
    const { clock, log } = this.#parts;
    const leg = adapter.open(trunk);
    const id = adapter.id ?? randomUUID();
    const name = trunk?.name ?? null;
    const call = new Call({ id, leg, trunk: name, trust, clock, log: log.child({ call: id, callId: leg.info.callId, trunk: name }) });
    followMessages(this.#parts.traces, call);
    if (recognition?.kind === "trunk" && recognition.note) call.log.warn({ event: "certificate-server-only" }, recognition.note);
    return call;
  }

  /** Counts the call and takes it into the list of calls, or says why it is refused: by who calls, how often, and by what the request asks for. */
  #admit(
    call: Call,
    adapter: IncomingAdapter,
    { recognition, trunk }: Recognised,
    asked: Takeover | GatewayRefusal | null,
  ): GatewayRefusal | null {
    const { limits, clock } = this.#parts;
    // what it replaces ends by it
    const replaced = asked && "take" in asked ? 1 : 0;
    const refusal = this.#checkAdmission(adapter, { recognition, trunk, replaced }) ?? adapter.objection?.(trunk);
    if (refusal) return refusal;
    if (asked && "code" in asked) return asked;
    const limited = trunk && limits.admit(trunk, clock.now(), replaced);
    if (limited) return refuse("trunk-limit", limited.reason, { retryAfterSeconds: limited.retryAfterSeconds });
    this.#parts.registry.track(call);
    asked?.claim(call);
    return null;
  }

  #checkAdmission(
    { info, caller }: IncomingAdapter,
    { recognition, trunk, replaced }: Pick<Recognised, "recognition" | "trunk"> & { readonly replaced: number },
  ): GatewayRefusal | null {
    const { settings, admission } = this.#parts;
    const { config } = settings;
    if (caller.kind === "direct")
      return caller.refusal ?? admission.refusal(info.address, caller.trust === "verified" ? "trunk" : "stranger");
    if (recognition === null) throw new Error("a trunk's caller has not been looked at");
    const suspicion = caller.suspicion?.(recognition);
    if (suspicion) return suspicion;
    if (recognition.kind === "refused") return refuse(recognition.code, recognition.reason);
    if (trunk === null) return refuse("trunk-unknown", `no trunk takes this caller by ${PROTOCOL_NAMES[info.protocol]}`);
    const kind = recognition.kind === "challenge" ? "challenged" : trunk === config.defaultTrunk ? "stranger" : "trunk";
    const refusal = admission.refusal(info.address, kind, replaced);
    if (refusal || recognition.kind !== "challenge") return refusal;
    return refuse("trunk-credentials", `challenged for trunk ${trunk.name}`, { status: 401, challenges: recognition.challenges });
  }

  /** Finds the meeting, brings up media, answers and begins the join dialogue; or says why not. Null also where the caller has given up. */
  async #answer(
    call: Call,
    adapter: IncomingAdapter,
    { trunk, takeover }: { readonly trunk: Trunk | null; readonly takeover: Takeover | null },
  ): Promise<GatewayRefusal | null> {
    const reception = this.#parts.reception;
    const wanted = await adapter.wanted(call, trunk);
    if (call.over || "code" in wanted) return call.over ? null : (wanted as GatewayRefusal);
    const destination = takeover ? null : await reception.destination(call, wanted.dialled, wanted.from, wanted.role);
    if (call.over || (destination && "code" in destination)) return call.over ? null : (destination as GatewayRefusal);
    call.destination = destination;
    if (!this.#parts.media.connected) return refuse("media-server-lost", "the media server is not connected");
    const unprepared = await adapter.prepare?.(call);
    if (call.over || unprepared) return unprepared ?? null;
    const policy = adapter.mediaPolicy(trunk);
    const offer = reception.offer(call.leg, policy);
    if (offer && "code" in offer) return offer;
    await adapter.beforeAnswer?.(call);
    if (call.over) return null;
    const unanswered = await reception.answer(call, offer, policy);
    if (call.over || unanswered) return unanswered;
    const fields = { event: "call-answered", afterMs: Math.round(call.age), media: call.media?.media.id, srtp: call.protection };
    call.log.info(fields, "answered");
    adapter.answered?.(call, trunk);
    if (takeover) return this.#takeOver(call, takeover, wanted.dialled.language);
    const reached = call.destination ?? (destination as Destination);
    reception.lead(call, reached, wanted.dialled.language ?? destination?.language ?? null, { invited: wanted.invited ?? false });
    return null;
  }

  /** The call is up and takes the other's place, where that still has one. */
  #takeOver(call: Call, { from, take }: Takeover, language: Dialled["language"]): null {
    const taken = take();
    if ("code" in taken) {
      void call.end(taken.code, taken.reason, { cause: taken.cause });
      return null;
    }
    call.log.info({ event: "call-replaces", replaced: from.id, replacedCallId: from.leg.info.callId }, "takes another call's place");
    this.#parts.reception.lead(call, taken.destination, language, { handover: taken.handover, invited: from.leg.info.direction === "out" });
    return null;
  }

  /** One line in the log and one record for each refusal, but for the first round of a digest, and for scanners, of whom one a minute is enough. */
  #refuse(call: Call, adapter: IncomingAdapter, refusal: GatewayRefusal): void {
    const tracked = this.#parts.calls.has(call.id);
    // the call knows of it before its leg says that it has ended
    if (call.calledMeeting === null) call.meetingAsked = this.#meetingCalled(call, adapter);
    const record = call.refused(refusal);
    try {
      if (!call.leg.ended) adapter.refuse(refusal);
    } catch (error) {
      call.log.error({ event: "call-failed", err: error }, "a caller could not be told of a refusal");
    }
    if (tracked || refusal.status === 401) return;
    if (refusal.silent && !this.#parts.refusals.takesSilent(call.leg.info.address)) return;
    void record.then((kept) => this.#parts.registry.keep(call, kept));
  }

  /** The meeting that was called, for operators who look for the refused call there: nobody else hears of it. */
  async #meetingCalled(call: Call, adapter: IncomingAdapter): Promise<string | null> {
    try {
      const trunk = trunkNamed(this.#parts.settings.config, call.trunk) ?? null;
      return await this.#parts.reception.meetingCalled(adapter.dialled(trunk), trunk);
    } catch {
      return null;
    }
  }

  #failed(call: Call, adapter: IncomingAdapter, error: unknown): void {
    call.log.error({ event: "call-failed", err: error }, "a call failed in the gateway");
    const reason = `the gateway failed: ${String(error)}`;
    if (call.over) return;
    if (call.leg.answered) void call.end("internal-error", reason, { failure: error });
    else this.#refuse(call, adapter, refuse("internal-error", reason));
  }
}

const PROTOCOL_NAMES: Readonly<Record<LegInfo["protocol"], string>> = { sip: "SIP", h323: "H.323", web: "the page" };
