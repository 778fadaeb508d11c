import { EventEmitter } from "node:events";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Call } from "../../../../src/gateway/call/call.ts";
import { pressWhenAnswered } from "../../../../src/gateway/call/send-digits.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A call that notes keys and when they were pressed, in ms from the answer. */
function fakeCall(press?: (key: string) => boolean) {
  const pressed: string[] = [];
  const lines: string[] = [];
  let answeredAt: number | null = null;
  const note = (what: string) => pressed.push(`${Date.now() - answeredAt!} ${what}`);
  const call = Object.assign(new EventEmitter(), {
    over: false,
    leg: press === undefined ? {} : { press: (key: string) => press(key) && note(key) > 0 },
    media: { media: { press: async (keys: string) => void note(`media ${keys}`) } },
    log: pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(line) }),
    view: () => ({ answeredAt }),
    answer() {
      answeredAt = Date.now();
      call.emit("changed");
    },
    hangUp() {
      call.over = true;
      call.emit("ended");
    },
  });
  return { call, as: call as unknown as Call, pressed, lines };
}

describe("keys of a call that we make", () => {
  it("are pressed by signalling, one after the other, once it is answered", async () => {
    const { call, as, pressed, lines } = fakeCall(() => true);
    pressWhenAnswered(as, "12,#");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pressed).toEqual([]);
    call.answer();
    call.emit("changed");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pressed).toEqual(["1500 1", "1750 2", "3000 #"]);
    expect(lines.join("")).toMatch(/"keys":3/);
    expect(lines.join("")).not.toContain("12");
  });

  it.each([{ press: undefined }, { press: () => false }])("are the media's where signalling has none: %o", async ({ press }) => {
    const { call, as, pressed } = fakeCall(press);
    pressWhenAnswered(as, ",4711,#");
    call.answer();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pressed).toEqual(["2500 media 4711W#@160"]);
  });

  it("are let be when the call ends before their time", async () => {
    const { call, as, pressed } = fakeCall(() => true);
    pressWhenAnswered(as, "123");
    call.answer();
    await vi.advanceTimersByTimeAsync(1600);
    call.hangUp();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pressed).toEqual(["1500 1"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of a call that is answered already are not forgotten", async () => {
    const { call, as, pressed } = fakeCall(() => true);
    call.answer();
    pressWhenAnswered(as, "9");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(pressed).toEqual(["1500 9"]);
  });
});
