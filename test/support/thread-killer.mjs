/**
 * Loaded into a gateway under test by NODE_OPTIONS=--import: on SIGUSR2, the thread named in the file CROSSPOINT_TEST_VICTIM dies of a fault of its own.
 * Plain JavaScript: the launcher's Node.js may be an older one.
 */
import { readFileSync } from "node:fs";
import * as threads from "node:worker_threads";

const channel = new threads.BroadcastChannel("crosspoint-test-victim");
channel.onmessage = ({ data }) => {
  if (data !== threads.threadName) return;
  setImmediate(() => {
    throw new Error("killed by a test");
  });
};
channel.unref();
if (threads.isMainThread) process.on("SIGUSR2", () => channel.postMessage(readFileSync(process.env.CROSSPOINT_TEST_VICTIM, "utf8").trim()));
