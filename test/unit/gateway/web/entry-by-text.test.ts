import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import type { Call, Destination } from "../../../../src/gateway/call/call.ts";
import { enterByText } from "../../../../src/gateway/web/entry-by-text.ts";
import { Digits } from "../../../../src/ivr/digits.ts";
import { DEFAULT_TIMINGS } from "../../../../src/ivr/join-types.ts";
import type { Meeting, Role } from "../../../../src/meetings/model.ts";

const meeting = (id: string, guestPin: string | null): Meeting =>
  ({ id, language: "en", guestPin, hostPin: "host", announcements: "names" }) as unknown as Meeting;
const CLOSED = meeting("2000", "guest");
const OPEN = meeting("1000", null);
const PINS: Record<string, Role> = { "1234": "guest", "9999": "host" };

function begin(destination: Partial<Destination>) {
  const leg = new EventEmitter();
  const compared: string[] = [];
  const states: string[] = [];
  const ends: string[] = [];
  const call = Object.assign(new EventEmitter(), {
    leg,
    state: "",
    end: (outcome: string) => {
      ends.push(outcome);
      call.emit("ended");
    },
  });
  call.on("dialogue", (state: string) => states.push(state));
  let result: Destination | null | undefined;
  const entered = enterByText({
    call: call as unknown as Call,
    destination: { meeting: null, pin: null, role: null, ...destination },
    reception: {
      find: (_, number) => Promise.resolve([OPEN, CLOSED].find(({ id }) => id === number.reveal()) ?? null),
      checkPin: (_, __, pin) => {
        compared.push(pin.reveal());
        return Promise.resolve({ type: "pin-checked", role: PINS[pin.reveal()] ?? null });
      },
    },
    clock: systemClock,
    setup: { language: "en", languageChosen: false, timings: DEFAULT_TIMINGS },
  }).then((found) => (result = found));
  const type = async (keys: string): Promise<void> => {
    await vi.advanceTimersByTimeAsync(1);
    for (const digit of keys) leg.emit("dtmf", { digit, durationMs: 100 });
    await vi.advanceTimersByTimeAsync(1);
  };
  return { call, compared, states, ends, type, entered, result: () => result };
}

describe("number and PIN by text, before there are media", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("asks nothing of who comes to a meeting without guest PIN", async () => {
    const { entered, states } = begin({ meeting: OPEN });
    expect(await entered).toMatchObject({ meeting: OPEN, role: null });
    expect(states).toEqual([]);
  });

  it("resolves with the role of the PIN, however many were wrong before", async () => {
    const { type, result, states, compared, ends } = begin({ meeting: CLOSED });
    await type("1111#");
    expect(result()).toBeUndefined();
    await type("9999#");
    expect(result()).toEqual({ meeting: CLOSED, pin: null, role: "host", unnamed: true });
    expect(compared).toEqual(["1111", "9999"]);
    expect(states.filter((state) => state === "pin" || state === "checking")).toEqual(["pin", "checking", "pin", "checking"]);
    expect(ends).toEqual([]);
  });

  it("tries the PIN of the dial string first", async () => {
    const { entered, states } = begin({ meeting: CLOSED, pin: new Digits("1234") });
    await vi.advanceTimersByTimeAsync(1);
    expect(await entered).toMatchObject({ role: "guest" });
    expect(states).not.toContain("pin");
  });

  it("asks for the number, and for a PIN only where the meeting has one", async () => {
    const open = begin({});
    await open.type("7777#");
    await open.type("1000#");
    expect(open.result()).toEqual({ meeting: OPEN, pin: null, role: null, unnamed: true });
    const closed = begin({});
    await closed.type("2000#1234#");
    await vi.advanceTimersByTimeAsync(1);
    expect(closed.result()).toMatchObject({ meeting: CLOSED, role: "guest" });
  });

  it("ends the call after three wrong PINs, and when nothing is entered", async () => {
    const guesser = begin({ meeting: CLOSED });
    for (const pin of ["1#", "2#", "3#"]) await guesser.type(pin);
    await vi.advanceTimersByTimeAsync(1);
    expect([guesser.ends, guesser.result()]).toEqual([["wrong-pin"], null]);
    const silent = begin({ meeting: CLOSED });
    await vi.advanceTimersByTimeAsync(DEFAULT_TIMINGS.entryMs + 1);
    expect([silent.ends, silent.result()]).toEqual([["no-input"], null]);
  });

  it("stops with the call, and hears no further keys", async () => {
    const { call, type, result, compared } = begin({ meeting: CLOSED });
    call.emit("ended");
    await type("1234#");
    expect([result(), compared]).toEqual([null, []]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
