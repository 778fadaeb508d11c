import { CAUSE } from "../../legs/cause.ts";
import type { CallRecord } from "../../records/model.ts";
import { isCertificateFault } from "../../security/certificates/faults.ts";
import type { Call } from "./call.ts";
import type { Settings } from "../settings.ts";
import type { Logger } from "pino";
import type { GatewayMetrics } from "../options.ts";
import type { TrunkLimits } from "../../trunks/limits.ts";
import type { RefusalSampler } from "./refusal-sampler.ts";
import type { RecordStore } from "../../records/model.ts";
import type { GatewayEvent } from "../../admin/ports.ts";

/** A call of ours may ring this long, in seconds, where nothing else is configured. */
const RING_SECONDS = 120;

/** Where calls are listed, counted and recorded. */
export interface RegistryParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly limits: TrunkLimits;
  readonly refusals: RefusalSampler;
  readonly records: RecordStore;
  readonly calls: Map<string, Call>;
  emit(event: GatewayEvent): void;
}

/** The calls that are there, and what is kept of those that are over: one record, one line in the log and one count each. */
export class CallRegistry {
  readonly #parts: RegistryParts;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** Takes a call into the list of calls and out of it: its place on the trunk, its events, its record, its one line in the log. */
  track(call: Call): void {
    const { calls, limits, refusals, emit } = this.#parts;
    const { info } = call.leg;
    calls.set(call.id, call);
    call.on("changed", () => emit({ type: "call", call: call.view() }));
    call.once("ended", () => {
      calls.delete(call.id);
      if (call.trunk !== null) limits.release(call.trunk);
      call.end("completed", "").then(
        (record) => this.keep(call, record),
        (error: unknown) => call.log.error({ event: "record-failed", err: error }, "a call left no record"),
      );
    });
    emit({ type: "call", call: call.view() });
    const level = info.direction === "out" || refusals.hasLine(info.address) ? "info" : "debug";
    call.log[level](
      {
        event: "call-started",
        direction: info.direction,
        transport: info.transport,
        ...(call.leg.tls === undefined ? {} : { tls: call.leg.tls }),
        address: info.address,
        from: info.from,
        to: info.to,
        trust: call.trust,
      },
      info.direction === "in" ? "a call came in" : "calling",
    );
  }

  /** The record of a call that is over, whether it was tracked or refused before. */
  keep(call: Call, record: CallRecord): void {
    const { metrics, refusals, records, emit } = this.#parts;
    const answered = record.answeredAt !== null;
    metrics.callEnded({
      direction: record.direction,
      trunk: record.trunk,
      outcome: record.outcome,
      answered,
      seconds: call.age / 1000,
    });
    const refused = !answered && (record.sipStatus !== null || notReached(record));
    if (refused && record.direction === "in" && !refusals.takes(call.leg.info.address, record)) return;
    records.add(record);
    emit({ type: "call-ended", record });
    const fields = {
      outcome: record.outcome,
      by: record.endedBy,
      reason: record.reason,
      cause: record.cause,
      meeting: record.meetingId,
      seconds: Math.round(call.age / 1000),
    };
    if (refused) {
      call.log.warn(
        { event: "call-refused", status: record.sipStatus, from: record.from, to: record.to, address: call.leg.info.address, ...fields },
        `refused: ${record.reason}`,
      );
    } else {
      const quality = { codec: record.codec, srtp: record.srtp, lossPercent: record.lossPercent, jitterMs: record.jitterMs };
      call.log.info({ event: "call-ended", ...fields, ...quality }, `ended: ${record.reason}`);
    }
  }

  /** One line and one record a source for refusals that had none of their own. `all`: without waiting for the minute to end. */
  keepSummaries(all = false): void {
    const { refusals, records, log, emit } = this.#parts;
    for (const { source, sources, calls, codes, seconds, record } of refusals.summaries(all)) {
      const text = record?.reason ?? `${calls} calls from ${source} refused within ${seconds} s before they were looked at`;
      log.warn({ event: "calls-refused", address: source, sources, calls, codes, seconds }, text);
      if (record === null) continue;
      records.add(record);
      emit({ type: "call-ended", record });
    }
  }

  /** Gives a call of ours up when nobody answers it in time. Returns what calls that off. */
  limitRinging(call: Call): () => void {
    const seconds = this.#parts.settings.config.ringSeconds ?? RING_SECONDS;
    const end = () => void call.end("no-answer", `nobody answered within ${seconds} s`, { cause: CAUSE.noAnswer });
    const timer = setTimeout(end, seconds * 1000);
    return () => clearTimeout(timer);
  }
}

/** A call of ours that came to no far end: its line in the log is that of a refusal, though nobody has sent a status. */
function notReached({ direction, outcome }: CallRecord): boolean {
  return direction === "out" && (outcome === "far-end-unreachable" || isCertificateFault(outcome));
}
