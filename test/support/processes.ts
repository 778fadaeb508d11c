/** Programs that tests start: none outlives the process that started it, however that ends short of SIGKILL. */
import type { ChildProcess } from "node:child_process";

const running = new Set<ChildProcess>();
let watching = false;

function watch(): void {
  if (watching) return;
  watching = true;
  process.once("exit", () => {
    for (const child of running) child.kill("SIGKILL");
  });
  // a runner that is done with a file ends its worker by this signal, at which no "exit" would come
  for (const [signal, number] of [
    ["SIGTERM", 15],
    ["SIGINT", 2],
  ] as const)
    process.once(signal, () => process.exit(128 + number));
}

/** Keeps the program in mind until it ends by itself. */
export function owned<T extends ChildProcess>(child: T): T {
  watch();
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Whether it runs still: one that a signal has ended has no exit code. */
export const runs = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;
