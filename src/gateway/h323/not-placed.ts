import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { CallFailure } from "../../base/call-failure.ts";
import { maskDialled } from "../../base/pin-mask.ts";
import { CAUSE } from "../../legs/cause.ts";
import { type Leg, type LegEvents, type LegInfo, maskedInfo } from "../../legs/leg.ts";
import type { Meeting } from "../../meetings/model.ts";
import { CertificateError } from "../../security/certificates/faults.ts";
import type { Trunk } from "../../trunks/model.ts";
import type { CallRegistry } from "../call/call-registry.ts";
import { Call } from "../call/call.ts";
import { outcomeOf } from "../call/outcome.ts";
import { NotAdmitted } from "./gatekeeper-registration.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "pino";
import type { GatewayMetrics } from "../options.ts";

/** A far end that was never connected to. */
class NowhereLeg extends EventEmitter<LegEvents> implements Leg {
  readonly offer = null;
  readonly answered = false;
  readonly ended = true;
  readonly info: LegInfo;
  constructor(info: LegInfo) {
    super();
    this.info = info;
  }
  ring(): Promise<void> {
    return Promise.resolve();
  }
  answer(): Promise<null> {
    return Promise.resolve(null);
  }
  refuse(): void {}
  change(): Promise<string> {
    return Promise.reject(new Error("the call was never placed"));
  }
  transfer(): Promise<boolean> {
    return Promise.resolve(false);
  }
  end(): Promise<void> {
    return Promise.resolve();
  }
}

/** Where a call that was never placed is counted and recorded. */
export interface NotPlacedParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly registry: CallRegistry;
}

/**
 * Keeps what became of a call by H.323 that could not be placed, as of any other: one record, one line in the log, one
 * count.
 */
export async function keepNotPlaced(
  { clock, log, metrics, registry }: NotPlacedParts,
  asked: {
    readonly uri: string;
    readonly address: string;
    readonly transport: "tcp" | "tls";
    readonly trunk: Trunk;
    readonly meeting: Meeting;
  },
  error: unknown,
): Promise<void> {
  const { uri, address, transport, trunk, meeting } = asked;
  const id = randomUUID();
  const to = maskDialled(uri);
  const info = maskedInfo({
    callId: id,
    protocol: "h323",
    direction: "out",
    transport,
    address,
    from: "h323:crosspoint",
    to,
    displayName: to,
    userAgent: undefined,
  });
  const leg = new NowhereLeg(info);
  const call = new Call({
    id,
    leg,
    trunk: trunk.name,
    trust: trunk.trust,
    clock,
    log: log.child({ call: id, callId: id, trunk: trunk.name }),
  });
  call.meetingId = meeting.id;
  metrics.callStarted({ direction: "out", protocol: "h323", transport });
  const failure = notPlacedFailure(error);
  registry.keep(call, await call.notPlaced(outcomeOf(failure, { direction: "out", answered: false }), failure));
}

function notPlacedFailure(error: unknown): CallFailure {
  if (error instanceof CallFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NotAdmitted) return new CallFailure({ code: "refused", by: "network", q850: error.q850, message, cause: error });
  const code = error instanceof CertificateError ? error.code : "not-reached";
  return new CallFailure({ code, by: "network", q850: CAUSE.networkOutOfOrder, message, cause: error });
}
