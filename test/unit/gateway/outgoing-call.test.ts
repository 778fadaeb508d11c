import { afterEach, describe, expect, it, vi } from "vitest";
import { H323Gateway } from "../../../src/gateway/h323/incoming.ts";
import type { Trunk } from "../../../src/trunks/model.ts";
import { type H323Endpoint, openH323Endpoint } from "../../../src/io/index.ts";
import { H323Leg } from "../../../src/legs/h323/h323-leg.ts";
import type { LegInfo } from "../../../src/legs/leg.ts";
import { Bench, OPEN, over, sdp, until } from "./harness.ts";

let bench: Bench;
let gateway: H323Gateway | undefined;
let endpoint: H323Endpoint | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await endpoint?.close();
  await gateway?.close();
  gateway = endpoint = undefined;
  bench.stop();
});

type Answer = "answers" | "is busy" | "rings for ever";

const CALLED: LegInfo = {
  callId: "called",
  protocol: "h323",
  direction: "in",
  transport: "tcp",
  address: "127.0.0.1",
  from: "h323:gw",
  to: "h323:anna",
  displayName: "",
  userAgent: undefined,
};

/** Calls from a meeting to somebody who does what `answer` says. */
const DIALLED: readonly { readonly name: string; dial(answer: Answer, trunk: Trunk): Promise<unknown> }[] = [
  {
    name: "SIP",
    dial: (answer, trunk) => {
      bench.srf.peer = () => (answer === "is busy" ? { status: 486 } : { status: 200, sdp: sdp() });
      if (answer === "rings for ever") vi.spyOn(bench.srf, "createUAC").mockImplementation(() => new Promise(() => undefined));
      const target = { uri: "sip:anna@127.0.0.1", host: "127.0.0.1", transport: "udp", user: "anna" } as never;
      const meeting = bench.context.directory.get("1000")!;
      return Promise.resolve(bench.outbound.invite({ target, trunk, meeting, role: "guest", displayName: "Anna" }));
    },
  },
  {
    name: "H.323",
    dial: async (answer, trunk) => {
      const { context, incoming, outgoing } = bench;
      gateway = new H323Gateway(over(context, { incoming, outgoing }));
      await gateway.listen({ host: "127.0.0.1", signalling: 0, ras: null, mediaPorts: { min: 45_100, max: 45_199 } }, "1");
      endpoint = await openH323Endpoint({
        host: "127.0.0.1",
        port: 0,
        identity: { aliases: [{ "h323-ID": "anna" }], displayName: "Anna", product: "test", version: "1" },
        capabilities: { audio: [], telephoneEvent: undefined, userInput: [] },
        onSession: (session) => {
          session.onEvent = (event) => {
            if (event.type !== "incoming") return;
            const leg = new H323Leg(session, CALLED);
            if (answer === "is busy") leg.refuse({ status: 486, cause: 17, text: "busy" });
            else if (answer === "answers") leg.answer(sdp().replaceAll("192.0.2.1", "127.0.0.1")).catch(() => undefined);
          };
        },
      });
      const meeting = bench.context.directory.get("1000")!;
      const dialled = {
        user: "anna",
        peer: endpoint.address,
        meeting,
        role: "guest",
        trunk,
        displayName: "Anna",
        transport: "tcp",
      } as const;
      // resolves when it rings, which some never do
      return gateway.dial(dialled).catch(() => undefined);
    },
  },
];

const record = async () => {
  await until(() => bench.records.length > 0, "a record");
  expect(bench.records).toHaveLength(1);
  return bench.records[0]!;
};

describe.each(DIALLED)("a call that we place by $name", ({ dial }) => {
  it("is led into its meeting when it is answered, and leaves one record", async () => {
    bench = await Bench.create();
    void dial("answers", OPEN);
    await until(() => bench.sfu.done.includes("Anna joins 1000"), "Anna is joined");
    expect(bench.context.limits.calls("open")).toBe(1);
    const [call] = bench.context.calls.values();
    await call?.end("removed", "removed by a test");
    expect(await record()).toMatchObject({ direction: "out", outcome: "removed", meetingId: "1000" });
    expect((await record()).answeredAt).not.toBeNull();
    expect(bench.context.limits.calls("open")).toBe(0);
  });

  it("that is refused is recorded so", async () => {
    bench = await Bench.create();
    void dial("is busy", OPEN);
    expect(await record()).toMatchObject({ direction: "out", outcome: "far-end-refused", cause: 17, answeredAt: null });
  });

  it("rings no longer than it may", async () => {
    bench = await Bench.create({ ringSeconds: 0.1 });
    void dial("rings for ever", OPEN);
    expect(await record()).toMatchObject({ direction: "out", outcome: "no-answer", cause: 19, answeredAt: null });
    expect(bench.port.sessions.every(({ closed }) => closed)).toBe(true);
  });

  it.each(["follow", "lead"] as const)("that the gateway fails (%s) is ended, and recorded as internal-error", async (step) => {
    bench = await Bench.create();
    vi.spyOn(bench.reception, step).mockImplementation(() => {
      throw new Error("broken on purpose");
    });
    void dial("answers", OPEN);
    expect(await record()).toMatchObject({ direction: "out", outcome: "internal-error", cause: 41 });
    expect((await record()).answeredAt).not.toBeNull();
    expect(bench.context.calls.size).toBe(0);
    expect(bench.port.sessions.every(({ closed }) => closed)).toBe(true);
  });
});
