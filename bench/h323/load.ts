/**
 * The load: calls one after the other on `width` strands, or at `rate` a second, for `seconds`; answers calls too, registered at a gatekeeper where one is
 * named. Argument: JSON of LoadOptions. Prints JSON of LoadResult to its parent.
 */
import { setTimeout as delay } from "node:timers/promises";
import { answering, openEndpoint, placeCall, ready, register } from "./stack.ts";

export interface LoadOptions {
  readonly peer: { readonly host: string; readonly port: number };
  readonly style: { readonly fastStart: boolean; readonly tunnelling: boolean };
  readonly answerPort: number;
  readonly gatekeeper?: { readonly host: string; readonly port: number };
}
export interface Shift {
  readonly seconds: number;
  readonly width?: number;
  readonly rate?: number;
}
export interface ShiftResult {
  readonly calls: number;
  readonly failed: number;
  readonly seconds: number;
  /** Milliseconds from connecting to Connect, of each call. */
  readonly connect: readonly number[];
  readonly errors: readonly string[];
}

const options = JSON.parse(process.argv[2]!) as LoadOptions;
const host = "127.0.0.1";
const endpoint = await openEndpoint(host, options.answerPort, options.style, answering(host));
if (options.gatekeeper) await register(options.gatekeeper, "2000", endpoint.address);

async function work({ seconds, width, rate }: Shift): Promise<ShiftResult> {
  const connect: number[] = [];
  const errors: string[] = [];
  const begun = performance.now();
  const until = begun + seconds * 1000;
  const one = async () => {
    try {
      connect.push((await placeCall(endpoint, options.peer, "2000", 0)).connect);
    } catch (error) {
      errors.push(String(error));
    }
  };
  if (rate !== undefined) {
    const running: Promise<void>[] = [];
    for (let n = 0; begun + (n * 1000) / rate < until; n++) {
      await delay(Math.max(0, begun + (n * 1000) / rate - performance.now()));
      running.push(one());
    }
    await Promise.all(running);
  } else
    await Promise.all(
      Array.from({ length: width ?? 20 }, async () => {
        while (performance.now() < until) await one();
      }),
    );
  const took = (performance.now() - begun) / 1000;
  return { calls: connect.length, failed: errors.length, seconds: took, connect, errors: errors.slice(0, 3) };
}

process.on("message", (shift: Shift) => void work(shift).then((result) => process.send?.(result)));
ready("ready");
