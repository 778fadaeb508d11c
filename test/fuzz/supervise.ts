/** Runs a campaign in a thread of its own and ends it when one input does not come to an end. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Finding } from "./campaign.ts";

export interface CampaignOptions {
  readonly seed: number;
  /** Damaged inputs in all; without effect where `minutes` is given. */
  readonly inputs: number;
  readonly minutes?: number | undefined;
  /** Pumped strings a reader. */
  readonly pumped: number;
  /** One reader alone. */
  readonly only?: string | undefined;
  /** One block of damaged inputs alone: what a finding names. */
  readonly block?: number | undefined;
  /** Module that exports `readers`. */
  readonly table: string;
  /** Processor time that one input may take, milliseconds: far above what any takes, since it only tells an endless loop. */
  readonly hangMs?: number;
}

export interface CampaignReport {
  readonly readers: number;
  readonly inputs: number;
  readonly pumped: number;
  /** Of the damaged inputs. */
  readonly seconds: number;
  /** The most steps a byte that a pumped string took. */
  readonly steps: number;
  /** Bytes from an early block to the end. */
  readonly heapGrowth: number;
  readonly findings: readonly Finding[];
}

/** Bytes that a campaign may have gained in the end. */
export const HEAP_GROWTH_MAX = 24 << 20;

/** Runs it to its end. A thread that stays with one input for `hangMs` of processor time is ended, and the input is the finding. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const progress = new Int32Array(new SharedArrayBuffer(16));
  const current = new Uint8Array(new SharedArrayBuffer(65_536));
  const worker = new Worker(join(import.meta.dirname, "worker.ts"), { workerData: { options, progress, current } });
  let seen = -1;
  let since = 0;
  const hangMs = options.hangMs ?? 10_000;
  return new Promise<CampaignReport>((resolve, reject) => {
    const watch = setInterval(async () => {
      const at = Atomics.load(progress, 0);
      // A thread that has just ended has no figures any more.
      const used = await worker.cpuUsage().catch(() => undefined);
      if (used === undefined) return;
      const spent = (used.user + used.system) / 1000;
      if (at !== seen) {
        seen = at;
        since = spent;
      } else if (at > 0 && spent - since > hangMs) {
        clearInterval(watch);
        await worker.terminate();
        const { readers } = (await import(options.table)) as typeof import("./readers.ts");
        const among = readers.filter(({ name }) => options.only === undefined || name === options.only);
        const finding: Finding = {
          reader: among[progress[2]!]!.name,
          kind: "hang",
          message: `one input takes more than ${hangMs} ms of processor time`,
          input: Buffer.from(current.slice(0, Math.min(progress[3]!, 400))).toString("hex"),
          block: progress[1]!,
        };
        resolve({ readers: among.length, inputs: at, pumped: 0, seconds: 0, steps: 0, heapGrowth: 0, findings: [finding] });
      }
    }, 500);
    worker.once("message", (report: CampaignReport) => {
      clearInterval(watch);
      const leak: Finding[] =
        report.heapGrowth > HEAP_GROWTH_MAX
          ? [{ reader: options.only ?? "all", kind: "heap", message: `the heap has grown by ${report.heapGrowth} bytes`, input: "" }]
          : [];
      resolve({ ...report, findings: [...report.findings, ...leak] });
    });
    worker.once("error", (error) => {
      clearInterval(watch);
      reject(error);
    });
  });
}
