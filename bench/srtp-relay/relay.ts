import { readdirSync, readFileSync } from "node:fs";
import type { SrtpKeying } from "../../src/srtp/index.ts";

/** A relay under test, with its flows set up. */
export interface Relay {
  readonly name: string;
  readonly pid: number;
  /** Where each flow's plain RTP goes in, and the key of what comes out at the sink. */
  readonly flows: readonly { readonly port: number; readonly keying: SrtpKeying }[];
  stop(): Promise<void>;
}

/** What a relay is asked to do. */
export interface RelayTask {
  readonly suite: string;
  readonly flows: number;
  /** UDP port on 127.0.0.1 that takes all protected packets. */
  readonly sinkPort: number;
  /** Source ports of the plain packets, one a flow. */
  readonly sourcePorts: readonly number[];
}

/** Nanoseconds all threads of a process have run. */
export function cpuNanoseconds(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  return sum;
}
