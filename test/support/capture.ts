/** What goes over the loopback interface, for tshark to judge. Needs root. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { owned, runs } from "./processes.ts";

/** The kernel hands packets over in blocks, at the latest after libpcap's time-out of 250 ms; dumpcap leaves the last block where it is told to end. */
const LAST_BLOCK_MS = 1000;
/** MiB that the kernel keeps for a dumpcap that has no turn: what does not go in is lost. */
const BUFFER = "32";

export interface Capture {
  /** Stops capturing; what was captured can be read until the process ends. */
  stop(): Promise<void>;
  /** Rows of fields of the packets that tshark's options leave. */
  read(options: readonly string[], fields: readonly string[]): string[][];
}

/** Starts capturing packets that match `filter` (libpcap's). Resolves once packets are seen. */
export async function startCapture(filter: string): Promise<Capture> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-capture-"));
  const file = join(folder, "capture.pcapng");
  const child = owned(spawn("dumpcap", ["-i", "lo", "-B", BUFFER, "-f", filter, "-w", file], { stdio: ["ignore", "ignore", "pipe"] }));
  let output = "";
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (data: Buffer) => {
      output += data.toString();
      if (output.includes("File:")) resolve();
    });
    void ended.then(() => reject(new Error(`dumpcap: ${output}`)));
  });
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return {
    async stop() {
      if (runs(child)) await delay(LAST_BLOCK_MS);
      child.kill("SIGINT");
      await ended;
    },
    read(options, fields) {
      const args = ["-r", file, ...options, "-T", "fields", "-E", "separator=\t", ...fields.flatMap((field) => ["-e", field])];
      const text = execFileSync("tshark", args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
      return text
        .split("\n")
        .slice(0, -1)
        .map((row) => row.split("\t"));
    },
  };
}
