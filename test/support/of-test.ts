import type { ChildProcess } from "node:child_process";
import { onTestFinished } from "vitest";
import { owned, runs } from "./processes.ts";

/** A program of the present test's alone: where a try fails, it is gone before the next, which finds its ports free. */
export function ofTest<T extends ChildProcess>(child: T): T {
  owned(child);
  onTestFinished(async () => {
    if (!runs(child)) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  });
  return child;
}
