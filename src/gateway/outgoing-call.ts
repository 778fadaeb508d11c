import { AdminError } from "../admin/ports.ts";
import { CallFailure } from "../base/call-failure.ts";
import type { CallTraces } from "../trace/index.ts";
import type { MediaExchange } from "../call-media/offer-answer.ts";
import type { Leg } from "../legs/leg.ts";
import type { Meeting, Role } from "../meetings/model.ts";
import type { MediaPolicy } from "../negotiation/index.ts";
import type { Trunk } from "../trunks/model.ts";
import { completeExchange, mediaRefusal, type Reception } from "./call/answer.ts";
import { Call } from "./call/call.ts";
import { followMessages } from "./call/call-trace.ts";
import type { CallRegistry } from "./call/call-registry.ts";
import type { CallLines, LinesBeside } from "./call/video-streams.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "pino";
import type { TrunkLimits } from "../trunks/limits.ts";
import type { GatewayMetrics } from "./options.ts";

/** A call that a protocol is about to place, or has just placed. */
export interface PlacedCall {
  readonly id: string;
  readonly leg: Leg;
  readonly trunk: Trunk;
  readonly meeting: Meeting;
  readonly role: Role;
  /** Its lines beside the audio, which our offer has. */
  readonly beside: LinesBeside;
  /** `TrunkLimits.admit` has counted it already. */
  readonly counted: boolean;
}

/** Where a call leads once it is answered, and what our offer was made by. */
export interface Connection {
  readonly exchange: MediaExchange;
  /** The far end's answer; rejects after the leg has said how it ended. */
  readonly answer: Promise<string>;
  readonly policy: MediaPolicy;
  readonly meeting: Meeting;
  readonly role: Role;
}

/** Where calls that we place are counted, answered and recorded. */
export interface OutgoingCallsParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: TrunkLimits;
  readonly metrics: GatewayMetrics;
  readonly traces: CallTraces;
  readonly callLines: CallLines;
  readonly reception: Reception;
  readonly registry: CallRegistry;
}

/** The one way out: limits, the list of calls, the ringing limit, the answer and the way into the meeting are the same for calls of every protocol. */
export class OutgoingCalls {
  readonly #parts: OutgoingCallsParts;

  constructor(parts: OutgoingCallsParts) {
    this.#parts = parts;
  }

  /** Throws AdminError (503) when the trunk has all its calls. */
  checkLimit(trunk: Trunk): void {
    if (trunk.maxCalls > 0 && this.#parts.limits.calls(trunk.name) >= trunk.maxCalls)
      throw new AdminError(503, "trunk-limit", `trunk ${trunk.name} has its ${trunk.maxCalls} calls`);
  }

  /** Takes the call into the list of calls, at its place on the trunk. */
  begin({ id, leg, trunk, meeting, role, beside, counted }: PlacedCall): Call {
    const { clock, log, limits, metrics } = this.#parts;
    const { callId, protocol, transport } = leg.info;
    const child = log.child({ call: id, callId, trunk: trunk.name });
    const call = new Call({ id, leg, trunk: trunk.name, trust: trunk.trust, clock, log: child });
    followMessages(this.#parts.traces, call);
    this.#parts.callLines.attach(call, beside);
    call.meetingId = meeting.id;
    call.destination = { meeting, pin: null, role };
    if (!counted) limits.occupy(trunk.name);
    metrics.callStarted({ direction: "out", protocol, transport });
    this.#parts.registry.track(call);
    return call;
  }

  /**
   * Waits for the answer, no longer than a call may ring, and leads whom it reached into the meeting. Resolves with whether it was answered and is up.
   * Never rejects: a fault ends the call as `internal-error`, media that do not come about by their refusal's code.
   */
  async connect(call: Call, { exchange, answer, policy, meeting, role }: Connection): Promise<boolean> {
    const stopRinging = this.#parts.registry.limitRinging(call);
    let sdp: string;
    try {
      sdp = await answer;
    } catch (error) {
      // the leg has said how it ended, and the call with it
      void (error instanceof CallFailure
        ? call.failed(error)
        : call.end("internal-error", `the call failed before it was answered: ${String(error)}`, { failure: error }));
      return false;
    } finally {
      stopRinging();
    }
    try {
      call.answered();
      this.#parts.metrics.stage("answered", call.age);
      if (!(await this.#completed(call, exchange, sdp, policy))) return false;
      const fields = { event: "call-answered", afterMs: Math.round(call.age), media: call.media?.media.id, srtp: call.protection };
      call.log.info(fields, "answered");
      this.#parts.reception.follow(call);
      this.#parts.reception.lead(call, { meeting, pin: null, role }, null, { invited: true });
      return true;
    } catch (error) {
      call.log.error({ event: "call-failed", err: error }, "a call failed in the gateway");
      void call.end("internal-error", `the gateway failed: ${String(error)}`, { failure: error });
      return false;
    }
  }

  async #completed(call: Call, exchange: MediaExchange, sdp: string, policy: MediaPolicy): Promise<boolean> {
    try {
      await completeExchange(call, exchange, sdp, policy);
      return !call.over;
    } catch (error) {
      const refusal = mediaRefusal(error);
      void call.end(refusal.code, refusal.reason, { cause: refusal.cause, sipStatus: refusal.status });
      return false;
    }
  }
}
