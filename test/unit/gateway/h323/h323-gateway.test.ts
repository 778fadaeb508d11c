// The H.323 side of the gateway by itself: what its constructor names, and no gateway around it.
import { CallTraces } from "../../../../src/trace/index.ts";
import { connect } from "node:net";
import pino from "pino";
import { afterEach, expect, it } from "vitest";
import { FakeClock } from "../../../support/standing-clock.ts";
import { H323Gateway } from "../../../../src/gateway/h323/incoming.ts";
import type { IncomingAdapter } from "../../../../src/gateway/incoming-call.ts";
import type { GatewayConfig } from "../../../../src/gateway/options.ts";
import { type H323Endpoint, openH323Endpoint } from "../../../../src/io/index.ts";
import { FakePort } from "../harness.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function alone(banned: readonly string[] = []) {
  const received: IncomingAdapter[] = [];
  const unused = () => {
    throw new Error("not to be used");
  };
  const gateway = new H323Gateway({
    traces: new CallTraces({ level: "off", trunks: new Map(), keepMinutes: 0 }),
    settings: { config: { meetings: [], trunks: [], accessNumbers: [], language: "en" } as unknown as GatewayConfig, draining: false },
    log: pino({ enabled: false }),
    clock: new FakeClock(),
    media: new FakePort(),
    directory: { get: () => undefined },
    defence: { refusal: (address) => (banned.includes(address) ? "banned" : undefined) as never, isTrunk: () => false, offence: unused },
    calls: new Map(),
    callLines: { beside: unused, attach: unused } as never,
    incoming: { receive: async (adapter) => void received.push(adapter) },
    outgoing: { begin: unused, connect: unused },
  });
  closing.push(() => gateway.close());
  await gateway.listen({ host: "127.0.0.1", signalling: 0, ras: null, mediaPorts: { min: 45_200, max: 45_299 } }, "1");
  return { gateway, received };
}

it("hands a Setup on as an incoming call, with who calls and what was dialled", async () => {
  const { gateway, received } = await alone();
  const endpoint: H323Endpoint = await openH323Endpoint({
    host: "127.0.0.1",
    port: 0,
    identity: { aliases: [{ "h323-ID": "anna" }], displayName: "Anna", product: "test", version: "1" },
    capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: undefined, userInput: ["alphanumeric"] },
    onSession: () => {},
  });
  closing.push(() => endpoint.close());
  await endpoint.call(gateway.address!, { aliases: [{ dialledDigits: "1000" }] }, { prepare: () => {} });
  await expect.poll(() => received.map(({ info }) => info)).toMatchObject([{ protocol: "h323", direction: "in", displayName: "Anna" }]);
  expect(received[0]!.caller).toMatchObject({ kind: "trunk", evidence: { transport: "tcp", address: "127.0.0.1" } });
});

it("reads nothing of an address that is banned", async () => {
  const { gateway, received } = await alone(["127.0.0.1"]);
  const socket = connect(gateway.address!.port, "127.0.0.1");
  await new Promise((resolve) => socket.once("close", resolve).on("error", () => {}));
  expect(received).toEqual([]);
});
