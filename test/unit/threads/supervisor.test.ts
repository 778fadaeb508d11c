import pino from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Supervisor } from "../../../src/threads/supervisor.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An engine that can be made to die. */
function engine() {
  const ended = Promise.withResolvers<Error | undefined>();
  return {
    ended: ended.promise,
    die: () => ended.resolve(new Error("fault")),
    stopped: false,
    stop: async function () {
      this.stopped = true;
      ended.resolve(undefined);
    },
  };
}

function supervise(again: () => Promise<ReturnType<typeof engine>>) {
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) });
  const first = engine();
  const supervisor = new Supervisor({ name: "media", logger, running: first, ended: (running) => running.ended, again });
  return { first, supervisor, lines };
}

it("starts a dead engine again, and says so once", async () => {
  const second = engine();
  const again = vi.fn(async () => second);
  const { first, supervisor, lines } = supervise(again);
  first.die();
  await vi.advanceTimersByTimeAsync(99);
  expect(again).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(again).toHaveBeenCalledWith(first);
  expect(supervisor.current).toBe(second);
  expect(lines).toEqual(["an engine has died; it is started again", "an engine runs again"]);
});

it("waits longer each time it fails, and begins anew after a good run", async () => {
  const engines = [engine(), engine(), engine()];
  let failures = 3;
  const again = vi.fn(async () => {
    if (failures-- > 0) throw new Error("port in use");
    return engines.shift()!;
  });
  const { first, supervisor } = supervise(again);
  first.die();
  await vi.advanceTimersByTimeAsync(100 + 200 + 400 + 799);
  expect(again).toHaveBeenCalledTimes(3);
  await vi.advanceTimersByTimeAsync(1);
  expect(again).toHaveBeenCalledTimes(4);
  // Dead at once: the pause goes on growing.
  supervisor.current.die();
  await vi.advanceTimersByTimeAsync(1599);
  expect(again).toHaveBeenCalledTimes(4);
  await vi.advanceTimersByTimeAsync(1);
  expect(again).toHaveBeenCalledTimes(5);
  // A minute of good service: from the beginning.
  await vi.advanceTimersByTimeAsync(61_000);
  supervisor.current.die();
  await vi.advanceTimersByTimeAsync(100);
  expect(again).toHaveBeenCalledTimes(6);
});

it("leaves a stopped engine alone", async () => {
  const again = vi.fn(async () => engine());
  const { first, supervisor, lines } = supervise(again);
  await supervisor.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(first.stopped).toBe(true);
  expect(again).not.toHaveBeenCalled();
  expect(lines).toEqual([]);
});
