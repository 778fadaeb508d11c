import { Worker, type WorkerOptions } from "node:worker_threads";
import type { ThreadHandle } from "./worker-slot.ts";

/** Starts a worker thread. `onExit` is called once, with the uncaught error's stack or the exit code. */
export function startThread<To, From>(
  file: URL,
  options: WorkerOptions,
  onMessage: (message: From) => void,
  onExit: (reason: string) => void,
): ThreadHandle<To> {
  const worker = new Worker(file, options);
  let error: string | undefined;
  worker.on("message", onMessage);
  worker.on("error", (cause) => {
    error = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  });
  worker.on("exit", (code) => onExit(error ?? `exit code ${code}`));
  return {
    post: (message) => worker.postMessage(message),
    busyMs: () => worker.performance.eventLoopUtilization().active,
    terminate: () => worker.terminate(),
  };
}
