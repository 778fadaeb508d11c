import { scryptSync } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { DeriveRequest } from "./pin-threads.ts";

/** Runs scrypt where it holds up nobody but those who wait for a PIN: the shared thread pool also serves files and DNS. */
parentPort!.on("message", ({ digits, salt, length, cost }: DeriveRequest) => {
  try {
    parentPort!.postMessage({ key: scryptSync(digits, salt, length, { ...cost, maxmem: 256 * cost.N * cost.r }) });
  } catch (error) {
    parentPort!.postMessage({ error: error instanceof Error ? error.message : "scrypt failed" });
  }
});
