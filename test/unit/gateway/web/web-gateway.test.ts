// The browsers' side of the gateway by itself: what its constructor names, and no gateway around it.
import pino from "pino";
import { expect, it } from "vitest";
import { FakeClock } from "../../../support/standing-clock.ts";
import type { IncomingAdapter } from "../../../../src/gateway/incoming-call.ts";
import type { GatewayConfig } from "../../../../src/gateway/options.ts";
import { WebGateway } from "../../../../src/gateway/web/browser-calls.ts";
import type { WebVisit } from "../../../../src/gateway/web/browser-session.ts";
import type { GatewayMessage } from "../../../../src/web/messages.ts";
import type { WebRtc } from "../../../../src/webrtc/index.ts";

function alone(receive: (adapter: IncomingAdapter) => Promise<void>) {
  const unused = () => {
    throw new Error("not to be used");
  };
  return new WebGateway({
    settings: { config: { meetings: [], trunks: [], accessNumbers: [], language: "en" } as unknown as GatewayConfig, draining: false },
    clock: new FakeClock(),
    log: pino({ enabled: false }),
    directory: { get: () => undefined } as never,
    sfu: {},
    incoming: { receive },
    reception: { find: unused, checkPin: unused },
    meetings: { room: () => undefined, isHost: () => false } as never,
    options: {
      webrtc: { open: unused } as unknown as WebRtc,
      callers: { anyone: true, ice: { servers: [], policy: "all" } },
      reach: (address) => address,
    },
  });
}

const page = () => {
  const said: GatewayMessage[] = [];
  return { said, link: { send: (one: GatewayMessage) => void said.push(one), close: () => undefined } };
};
const SOURCE = { address: "192.0.2.1", transport: "wss", token: null, userAgent: undefined } as const;

it("hands a page's join message on as an incoming call", () => {
  const received: IncomingAdapter[] = [];
  const gateway = alone(async (adapter) => void received.push(adapter));
  gateway.join({ type: "join", meeting: "1000", name: "Anna", pictures: 0 }, SOURCE, page().link);
  expect(received).toMatchObject([
    { info: { protocol: "web", direction: "in", address: "192.0.2.1", displayName: "Anna", to: "web:1000" } },
  ]);
  expect(received[0]!.caller).toMatchObject({ kind: "direct", trust: "unverified", refusal: null });
});

it("tells the page when its call fails in the gateway, and forgets the visit", async () => {
  const gateway = alone(() => Promise.reject(new Error("broken")));
  const { said, link } = page();
  const visit = gateway.join({ type: "join", meeting: "1000", name: "Anna", pictures: 0 }, SOURCE, link) as WebVisit;
  await expect.poll(() => said).toMatchObject([{ type: "ended", code: "internal-error" }]);
  expect(gateway.resume(visit.id, visit.secret, link)).toBeUndefined();
});
