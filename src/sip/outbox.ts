import type { Millis } from "../base/clock.ts";
import type { LayerStats, ResponseBounds } from "./layer-api.ts";
import type { Output, Target } from "./types.ts";

/**
 * What leaves the transaction layer, in order. Responses by UDP go within the bounds of their address: what may not be sent yet is owed, and goes out as its
 * request is repeated.
 */
export class Outbox {
  /** The time of the last input. */
  now: Millis = 0;
  readonly #stats: LayerStats;
  readonly #bounds: ResponseBounds | undefined;
  readonly #wake: () => void;
  readonly #owed = new WeakSet<Buffer>();
  #outputs: Output[] = [];

  /** `wake` is called for each output. */
  constructor(options: { readonly stats: LayerStats; readonly bounds: ResponseBounds | undefined; readonly wake: () => void }) {
    this.#stats = options.stats;
    this.#bounds = options.bounds;
    this.#wake = options.wake;
  }

  /** What is to be done, in order; the list is emptied. */
  drain(): Output[] {
    if (this.#outputs.length === 0) return nothing;
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  push(output: Output): void {
    this.#outputs.push(output);
    this.#wake();
  }

  /** A message, for the first time. */
  send(target: Target, data: Buffer, ref: number): void {
    if (target.transport === "udp" && this.#bounds !== undefined && isResponse(data)) {
      if (!this.#bounds.mayAnswer(target, data.length, this.now)) {
        this.#owed.add(data);
        return;
      }
    }
    this.#sendNow(target, data, ref);
  }

  /** A response again. */
  repeat(target: Target, data: Buffer, now: Millis): void {
    if (target.transport !== "udp" || this.#bounds === undefined) this.#sendNow(target, data, 0);
    else if (this.#owed.has(data)) this.settle(target, data, now);
    else if (this.#bounds.mayRepeat(target, data.length, now)) this.#sendNow(target, data, 0);
  }

  leavesRoom(target: Target, bytes: number): boolean {
    return target.transport !== "udp" || this.#bounds?.leavesRoom(target, bytes, this.now) !== false;
  }

  /** Sends a response that is owed, where it may be sent now. */
  settle(target: Target, data: Buffer, now: Millis): void {
    if (!this.#owed.has(data) || this.#bounds?.mayAnswer(target, data.length, now) === false) return;
    this.#owed.delete(data);
    this.#sendNow(target, data, 0);
  }

  #sendNow(target: Target, data: Buffer, ref: number): void {
    this.#stats.sent++;
    if (target.transport === "udp") this.#bounds?.sent(target, data.length, this.now);
    this.push({ kind: "send", target, data, ref });
  }
}

const nothing: Output[] = [];

/** Whether bytes that are to be sent begin as a response does; a request begins with its method. */
function isResponse(data: Buffer): boolean {
  return data.toString("latin1", 0, 4) === "SIP/";
}
