import { afterEach, describe, expect, it, vi } from "vitest";
import type { GatewayConfig } from "../../../src/gateway/options.ts";
import { withoutIdentifiers } from "../../support/identifiers.ts";
import { Bench, DEMO, OPEN, until } from "./harness.ts";
import { type Callers, type Placed, PROTOCOLS, type ProtocolUnderTest } from "./incoming-callers.ts";

const MEETINGS = [...DEMO, { id: "6000", locked: true }, { id: "7000", maxParticipants: 1 }];

let bench: Bench;
const opened: Callers[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.splice(0).map((callers) => callers.close()));
  bench.stop();
});

async function start(protocol: ProtocolUnderTest, config: Partial<GatewayConfig> = {}, strangers = true): Promise<Callers> {
  bench = await Bench.create({ meetings: MEETINGS, ...config });
  return add(protocol, strangers);
}

async function add(protocol: ProtocolUnderTest, strangers = true): Promise<Callers> {
  const callers = await protocol.open(bench, { strangers });
  opened.push(callers);
  return callers;
}

/** The call's record, which is the only one. */
async function record() {
  await until(() => bench.records.length > 0, "a record");
  // a second one would come with the same events
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(bench.records).toHaveLength(1);
  return bench.records[0]!;
}

async function joined(callers: Callers, dial: string): Promise<Placed> {
  const before = bench.sfu.seats.size;
  const placed = callers.place(dial);
  await until(() => bench.sfu.seats.size > before, `${dial} is joined`);
  return placed;
}

interface Case {
  readonly name: string;
  readonly dial?: string;
  readonly config?: Partial<GatewayConfig>;
  /** Strangers' pages are taken. */
  readonly strangers?: boolean;
  /** What is so before the call comes. */
  arrange?(callers: Callers): unknown;
  readonly outcome: string;
  readonly status: number;
  readonly cause: number;
  /** Null where not even the record can say which meeting was called. */
  readonly meeting?: null;
}

const fault = () => {
  throw new Error("broken on purpose");
};
const INTERNAL = { outcome: "internal-error", status: 500, cause: 41 };

const REFUSED: readonly Case[] = [
  { name: "no such meeting", dial: "9999", outcome: "no-such-meeting", status: 404, cause: 1 },
  { name: "an end-to-end encrypted meeting", dial: "4000", outcome: "end-to-end-encrypted", status: 488, cause: 79 },
  { name: "a locked meeting", dial: "6000", outcome: "meeting-locked", status: 603, cause: 21 },
  {
    name: "a full meeting",
    dial: "7000",
    arrange: (callers) => joined(callers, "7000"),
    outcome: "meeting-full",
    status: 486,
    cause: 17,
  },
  {
    name: "a meeting closed to PINs",
    dial: "2000",
    arrange: () => {
      const { lockout, clock } = bench.context;
      for (let i = 0; i < 21; i++) lockout.reserve("2000", null, clock.now())?.settle(false, clock.now());
    },
    outcome: "pin-locked-out",
    status: 404,
    cause: 1,
  },
  {
    name: "a caller of no trunk",
    config: { defaultTrunk: null },
    strangers: false,
    outcome: "trunk-unknown",
    status: 403,
    cause: 21,
  },
  {
    name: "a gateway that is being taken out of service",
    arrange: () => {
      bench.context.settings.draining = true;
    },
    outcome: "draining",
    status: 503,
    cause: 42,
  },
  {
    name: "a gateway that has all its calls",
    config: { overload: { maxCalls: 1 } },
    arrange: (callers) => joined(callers, "1000"),
    outcome: "overload",
    status: 503,
    cause: 42,
  },
  {
    name: "a source that calls too often",
    config: { overload: { callsPerSecondPerSource: 1 } },
    arrange: (callers) => joined(callers, "1000"),
    outcome: "overload",
    status: 503,
    cause: 42,
  },
  {
    name: "a media server that is lost",
    arrange: () => {
      bench.port.connected = false;
    },
    outcome: "media-server-lost",
    status: 503,
    cause: 42,
  },
  {
    name: "a media server that opens no session",
    arrange: () => {
      bench.port.failure = new Error("no ports");
    },
    outcome: "media-server-lost",
    status: 503,
    cause: 42,
  },
  { name: "a fault in admission", arrange: () => vi.spyOn(bench.context.admission, "refusal").mockImplementation(fault), ...INTERNAL },
  {
    name: "a fault in the list of calls",
    arrange: () => vi.spyOn(bench.context.refusals, "hasLine").mockImplementation(fault),
    ...INTERNAL,
  },
  {
    name: "a fault in finding the meeting",
    arrange: () => vi.spyOn(bench.context.directory, "find").mockImplementation(fault),
    ...INTERNAL,
    meeting: null,
  },
  { name: "a fault in what the meeting allows", arrange: () => vi.spyOn(bench.meetings, "refuses").mockImplementation(fault), ...INTERNAL },
  { name: "a fault in reading the offer", arrange: () => vi.spyOn(bench.reception, "offer").mockImplementation(fault), ...INTERNAL },
  { name: "a fault in answering", arrange: () => vi.spyOn(bench.reception, "answer").mockRejectedValue(new Error("broken")), ...INTERNAL },
];

const REFUSED_OF_TRUNKS: readonly Case[] = [
  {
    name: "a trunk that has all its calls",
    config: { defaultTrunk: { ...OPEN, maxCalls: 1 } },
    arrange: (callers) => joined(callers, "1000"),
    outcome: "trunk-limit",
    status: 503,
    cause: 42,
  },
  {
    name: "a fault in recognition",
    arrange: () => vi.spyOn(bench.context.recognition, "recognise").mockImplementation(fault),
    ...INTERNAL,
  },
];

describe.each(PROTOCOLS)("a call by $name", (protocol) => {
  const faults = (["wanted", "mediaPolicy"] as const).map(
    (step): Case => ({
      name: `a fault in the adapter's ${step}`,
      arrange: () => vi.spyOn(protocol.adapter.prototype, step).mockImplementation(fault),
      ...INTERNAL,
    }),
  );
  const refused = [...REFUSED, ...faults, ...(protocol.trunks ? REFUSED_OF_TRUNKS : [])];

  it("is admitted, joins, and leaves one record when its caller hangs up", async () => {
    const callers = await start(protocol);
    const placed = await joined(callers, "1000");
    expect(bench.sfu.done).toContain("Anna joins 1000");
    expect(bench.records).toEqual([]);
    placed.giveUp();
    // a SIP caller of this bench has no BYE of its own
    bench.srf.dialogs.at(-1)?.bye();
    expect(await record()).toMatchObject({ outcome: "completed", meetingId: "1000", sipStatus: null });
    expect((await record()).answeredAt).not.toBeNull();
    expect(bench.context.calls.size).toBe(0);
    expect(bench.context.limits.calls("open")).toBe(0);
  });

  it.each(refused)("is refused, told and recorded once: $name", async ({ dial = "1000", config, strangers, arrange, ...expected }) => {
    const callers = await start(protocol, config, strangers);
    await arrange?.(callers);
    const up = bench.context.calls.size;
    const placed = callers.place(dial);
    const { outcome, status, cause } = expected;
    const unknown = dial === "9999" || expected.meeting === null;
    const meetingId = unknown ? null : dial;
    expect(await record()).toMatchObject({ outcome, sipStatus: status, cause, answeredAt: null, direction: "in", meetingId });
    await until(() => placed.told() !== undefined, "the caller is told");
    expect(placed.told()).toBe(protocol.tell(expected));
    expect(bench.events.filter(({ type }) => type === "call-ended")).toHaveLength(1);
    expect(bench.events_("call-refused")).toMatchObject([{ outcome, status }]);
    expect(bench.context.calls.size).toBe(up);
    expect(bench.context.limits.calls("open")).toBeLessThanOrEqual(up);
  });

  it("that cannot be told of its refusal is recorded all the same", async () => {
    const callers = await start(protocol);
    vi.spyOn(protocol.adapter.prototype, "refuse").mockImplementation(fault);
    callers.place("9999");
    expect(await record()).toMatchObject({ outcome: "no-such-meeting" });
    expect(bench.context.calls.size).toBe(0);
  });

  it("that fails once it is answered is ended, and recorded as internal-error", async () => {
    const callers = await start(protocol);
    vi.spyOn(bench.reception, "lead").mockImplementation(fault);
    callers.place("1000");
    expect(await record()).toMatchObject({ outcome: "internal-error", cause: 41 });
    expect((await record()).answeredAt).not.toBeNull();
    expect(bench.port.sessions.every(({ closed }) => closed)).toBe(true);
    expect(bench.context.calls.size).toBe(0);
  });

  it.each(["the meeting", "the media"] as const)("is cancelled when its caller gives up in the wait for %s", async (step) => {
    const callers = await start(protocol);
    const waiting = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const hold = async () => {
      waiting.resolve();
      await go.promise;
    };
    if (step === "the meeting") {
      const find = bench.context.directory.find.bind(bench.context.directory);
      vi.spyOn(bench.context.directory, "find").mockImplementation(async (...args) => {
        await hold();
        return find(...args);
      });
    } else {
      for (const name of ["open", "openWithoutOffer"] as const) {
        const open = bench.port[name].bind(bench.port) as (argument: never) => Promise<never>;
        vi.spyOn(bench.port, name).mockImplementation(async (argument: unknown) => {
          await hold();
          return open(argument as never);
        });
      }
    }
    const placed = callers.place("1000");
    await waiting.promise;
    placed.giveUp();
    await until(() => bench.context.calls.size === 0, "the call is over");
    go.resolve();
    expect(await record()).toMatchObject({ outcome: "cancelled", answeredAt: null });
    await until(() => bench.port.sessions.every(({ closed }) => closed), "its media are let go");
    expect(bench.sfu.seats.size).toBe(0);
  });
});

/** What may stand between a meeting's number and a PIN that somebody has dialled behind it. */
const BETWEEN = [
  ...["", "*", "**", "#", "##", "-", ".", "+", "_", ",", "~", "/", "=", " ", "--", "!", "$", "p", "x", "pin", "abc"],
  ...["%2a", "%2A%2A", "%23", "%2D", "%20", "%252A", ";pin=", ";postd=", ";isub=", ";ext=", ":"],
];
const PIN = "612622";

describe.each(PROTOCOLS.slice(0, 3))("a PIN dialled by $name behind the number", (protocol) => {
  it("is in no log, view, event or record, whatever stands between, and whether there is such a meeting or not", async () => {
    const callers = await start(protocol);
    const dialled = BETWEEN.flatMap((between) => [
      `2000${between}${PIN}`,
      ...(between === "" || between === "abc" ? [] : [`2001${between}${PIN}`]),
    ]);
    for (const [index, dial] of dialled.entries()) {
      const before = bench.records.length;
      const placed = callers.place(dial);
      await until(() => bench.records.length > before || bench.sfu.seats.size > 0 || bench.context.calls.size > 0, `${index}: ${dial}`);
      await until(() => {
        placed.giveUp();
        for (const call of bench.context.calls.values()) if (call.state === "ivr") call.end("removed", "enough");
        return bench.context.calls.size === 0;
      }, `${dial} is over`);
    }
    const seen = [bench.lines, bench.events, bench.records].map((all) => withoutIdentifiers(JSON.stringify(all)));
    for (const text of seen) {
      const at = text.indexOf(PIN);
      expect(at < 0 ? "" : text.slice(Math.max(0, at - 200), at + 20)).toBe("");
    }
    expect(seen[2]).toMatch(/2001[^"]{0,20}x/);
  });
});

describe("limits hold for all protocols together:", () => {
  it("calls at once", async () => {
    const [first, ...others] = PROTOCOLS;
    const callers = [await start(first!, { overload: { maxCalls: 2 } })];
    for (const protocol of others) callers.push(await add(protocol));
    for (const one of callers.slice(0, 2)) await joined(one, "1000");
    for (const [index, one] of callers.entries()) {
      one.place("1000");
      await until(() => bench.records.length === index + 1, "a refusal");
    }
    expect(bench.records.map(({ outcome }) => outcome)).toEqual(["overload", "overload", "overload", "overload"]);
  });

  it("calls a second of one source", async () => {
    const [first, ...others] = PROTOCOLS;
    const callers = [await start(first!, { overload: { callsPerSecondPerSource: 3 } })];
    for (const protocol of others) callers.push(await add(protocol));
    for (const one of callers.slice(1)) await joined(one, "1000");
    for (const [index, one] of callers.entries()) {
      one.place("1000");
      await until(() => bench.records.length === index + 1, "a refusal");
    }
    expect(new Set(bench.records.map(({ outcome }) => outcome))).toEqual(new Set(["overload"]));
  });
});
