import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Millis } from "../../../src/base/clock.ts";
import { earliest, type Machine, type Timeout, Timers } from "../../../src/base/machine.ts";
import { MachineDriver } from "../../../src/base/machine-driver.ts";

/** Says what it was told, and when its timers ended. */
class Echo implements Machine<string, { readonly type: "say"; readonly text: string }> {
  readonly timers = new Timers<"a" | "b">();
  #out: string[] = [];
  handle(input: { readonly type: "say"; readonly text: string } | Timeout, now: Millis): void {
    if (input.type === "say") this.#out.push(input.text);
    else
      for (let name = this.timers.takeEnded(now); name !== undefined; name = this.timers.takeEnded(now)) this.#out.push(`${name}@${now}`);
  }
  drain(): string[] {
    return this.#out.splice(0);
  }
  nextTimeout(): Millis | undefined {
    return this.timers.next();
  }
}

describe("a driver", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function run(more: { onError?: (error: unknown) => void } = {}) {
    const start = Date.now();
    const machine = new Echo();
    const done: string[] = [];
    const driver: MachineDriver<string, Echo> = new MachineDriver({
      machine,
      clock: { now: () => Date.now() - start },
      perform: (output) => {
        done.push(output);
        if (output === "twice") driver.act((m, now) => m.handle({ type: "say", text: "again" }, now));
      },
      ...more,
    });
    const say = (...texts: string[]) =>
      driver.act((m, now) => {
        for (const text of texts) m.handle({ type: "say", text }, now);
      });
    return { machine, done, driver, say };
  }

  it("performs outputs in order; what is said meanwhile comes after them", () => {
    const { done, say } = run();
    say("twice", "b");
    expect(done).toEqual(["twice", "b", "again"]);
  });

  it("keeps one timer: put forward, put off, and ended on time", () => {
    const { machine, done, driver } = run();
    driver.act((m) => m.timers.set("a", 1000));
    driver.act((m) => m.timers.set("b", 300));
    vi.advanceTimersByTime(299);
    expect(done).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(done).toEqual(["b@300"]);
    driver.act((m) => m.timers.set("a", 5000));
    vi.advanceTimersByTime(4000);
    expect(done).toEqual(["b@300"]);
    vi.advanceTimersByTime(700);
    expect(done).toEqual(["b@300", "a@5000"]);
    expect(machine.nextTimeout()).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for longer than Node.js has timers for", () => {
    const { done, driver } = run();
    driver.act((m) => m.timers.set("a", 2 ** 31 + 5_000));
    vi.advanceTimersByTime(2 ** 31 + 4_999);
    expect(done).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(done).toEqual([`a@${2 ** 31 + 5_000}`]);
  });

  it("does and tells nothing once it is closed", () => {
    const { done, driver, say } = run();
    driver.act((m) => m.timers.set("a", 10));
    driver.close();
    say("late");
    vi.advanceTimersByTime(100);
    expect(done).toEqual([]);
  });

  it("tells of a fault in a timeout, and goes on", () => {
    const errors: unknown[] = [];
    const { machine, done, driver, say } = run({ onError: (error) => errors.push(error) });
    const handle = machine.handle.bind(machine);
    driver.act((m) => m.timers.set("a", 10));
    machine.handle = () => {
      machine.timers.clearAll();
      throw new Error("broken");
    };
    vi.advanceTimersByTime(10);
    machine.handle = handle;
    say("on");
    expect(errors).toMatchObject([{ message: "broken" }]);
    expect(done).toEqual(["on"]);
  });
});

it("timers end in the order they were due, and one that is cleared does not", () => {
  const timers = new Timers<"a" | "b" | "c">();
  timers.set("a", 30);
  timers.set("b", 10);
  timers.set("c", 20);
  expect([timers.next(), timers.running("a")]).toEqual([10, true]);
  expect(timers.takeEnded(9)).toBeUndefined();
  expect(timers.takeEnded(25)).toBe("b");
  timers.clear("c");
  expect(timers.expire(100)).toEqual(["a"]);
  expect([earliest(undefined, 5, 3), earliest(undefined)]).toEqual([3, undefined]);
});
