import { EventEmitter } from "node:events";
import type { LegEvents, LegInfo, Leg, Refusal } from "../../../src/legs/leg.ts";
import { H323Leg } from "../../../src/legs/h323/h323-leg.ts";
import { H323Gateway } from "../../../src/gateway/h323/incoming.ts";
import { H323Incoming } from "../../../src/gateway/h323/incoming-adapter.ts";
import { SipIncoming } from "../../../src/gateway/sip/incoming-adapter.ts";
import { WebIncoming } from "../../../src/gateway/web/incoming-adapter.ts";
import type { IncomingAdapter, TrunkCaller, Wanted } from "../../../src/gateway/incoming-call.ts";
import { WebGateway } from "../../../src/gateway/web/browser-calls.ts";
import { type H323Endpoint, type H323Session, openH323Endpoint } from "../../../src/io/index.ts";
import type { Call } from "../../../src/gateway/call/call.ts";
import { type Dialled, parseDialString } from "../../../src/meetings/dial-string.ts";
import type { MediaPolicy } from "../../../src/negotiation/index.ts";
import type { Trunk } from "../../../src/trunks/model.ts";
import type { GatewayMessage } from "../../../src/web/messages.ts";
import type { Visit } from "../../../src/web/ports.ts";
import { BrowserPeer, type WebRtc } from "../../../src/webrtc/index.ts";
import { type Bench, message, over, sdp } from "./harness.ts";
import type { WebGatewayOptions } from "../../../src/gateway/options.ts";

/** A call that was placed, as its caller sees it. */
export interface Placed {
  /** What the caller was told: a SIP status, a Q.850 cause, an outcome code. Undefined before it is refused or ended. */
  readonly told: () => string | number | undefined;
  /** The caller hangs up before the call is answered. */
  readonly giveUp: () => void;
}

/** Callers of one protocol, all from 127.0.0.1. */
export interface Callers {
  place(dial: string): Placed;
  close(): Promise<void>;
}

/** What of an expected refusal a protocol's caller is told. */
export type Tell = (expected: { readonly outcome: string; readonly status: number; readonly cause: number }) => string | number;

export interface ProtocolUnderTest {
  readonly name: string;
  open(bench: Bench, options: { readonly strangers: boolean }): Promise<Callers>;
  readonly tell: Tell;
  /** Its calls come by trunks. */
  readonly trunks: boolean;
  readonly adapter: { readonly prototype: IncomingAdapter };
}

const sip: ProtocolUnderTest = {
  name: "SIP",
  trunks: true,
  adapter: SipIncoming,
  tell: ({ status }) => status,
  open: (bench) => {
    let calls = 0;
    return Promise.resolve({
      place: (dial) => {
        const headers = { "Call-ID": `sip-${calls++}`, "X-Source": "127.0.0.1" };
        const { request, response, sent } = message("INVITE", `sip:${dial}@gw`, headers, sdp());
        bench.srf.routes.get("invite")?.(request, response);
        return {
          told: () => sent.at(-1)?.status,
          giveUp: () => {
            request.emit("cancel", { get: () => undefined });
          },
        };
      },
      close: () => Promise.resolve(),
    });
  },
};

const CALLER: LegInfo = {
  callId: "caller",
  protocol: "h323",
  direction: "out",
  transport: "tcp",
  address: "127.0.0.1",
  from: "h323:caller",
  to: "h323:gw",
  displayName: "Anna",
  userAgent: undefined,
};

/** An H.323 endpoint that calls the gateway's own, over loopback. */
const h323: ProtocolUnderTest = {
  name: "H.323",
  trunks: true,
  adapter: H323Incoming,
  tell: ({ cause }) => cause,
  open: async ({ context, incoming, outgoing }) => {
    const gateway = new H323Gateway(over(context, { incoming, outgoing }));
    const mediaPorts = { min: 45_000, max: 45_099 };
    await gateway.listen({ host: "127.0.0.1", signalling: 0, ras: null, mediaPorts }, "1");
    const endpoint: H323Endpoint = await openH323Endpoint({
      host: "127.0.0.1",
      port: 0,
      identity: { aliases: [{ "h323-ID": "Anna" }], displayName: "Anna", product: "test", version: "1" },
      capabilities: { audio: [], telephoneEvent: undefined, userInput: [] },
      onSession: () => undefined,
    });
    return {
      place: (dial) => {
        let told: number | undefined;
        let session: H323Session | undefined;
        const prepare = (fresh: H323Session) => {
          session = fresh;
          const leg = new H323Leg(fresh, CALLER);
          leg.prepare(sdp().replaceAll("192.0.2.1", "127.0.0.1"));
          leg.placed(() => undefined).catch(() => undefined);
          leg.on("ended", ({ q850 }) => {
            told = q850;
          });
        };
        endpoint.call(gateway.address!, { aliases: [{ "h323-ID": dial }] }, { prepare }).catch(() => undefined);
        return { told: () => told, giveUp: () => session?.act((machine) => machine.release(16, "given up")) };
      },
      close: async () => {
        await endpoint.close();
        await gateway.close();
      },
    };
  },
};

/** A page, whose media connect at once. */
const web: ProtocolUnderTest = {
  name: "the page",
  trunks: false,
  adapter: WebIncoming,
  tell: ({ outcome }) => (outcome === "pin-locked-out" ? "no-such-meeting" : outcome),
  open: ({ context, incoming, reception, meetings }, { strangers }) => {
    let peers = 0;
    const open = (lines: readonly { readonly mid: string }[]) => {
      const ports = Object.fromEntries(lines.map(({ mid }, index) => [mid, 5000 + 2 * index]));
      const peer: BrowserPeer = new BrowserPeer(
        `peer-${peers++}`,
        "127.0.0.1",
        ports,
        (order) => {
          if (order.type === "connect")
            setImmediate(() => peer.told({ type: "state", session: peer.id, generation: 1, state: "connected" } as never));
        },
        () => undefined,
      );
      return Promise.resolve(peer);
    };
    const options: WebGatewayOptions = {
      webrtc: { open } as unknown as WebRtc,
      callers: { anyone: strangers, ice: { servers: [], policy: "all" } },
      reach: (address) => address,
    };
    const gateway = new WebGateway(over(context, { incoming, reception, meetings, options }));
    return Promise.resolve({
      place: (dial) => {
        const said: GatewayMessage[] = [];
        const link = { send: (one: GatewayMessage) => void said.push(one), close: () => undefined };
        const source = { address: "127.0.0.1", transport: "wss", token: null, userAgent: undefined } as const;
        const visit: Visit = gateway.join({ type: "join", meeting: dial, name: "Anna", pictures: 0 }, source, link);
        return {
          told: () => said.find((one) => one.type === "ended")?.code,
          giveUp: () => visit.receive({ type: "leave" }),
        };
      },
      close: () => gateway.close(),
    });
  },
};

/** A protocol that there is not: all a fourth one needs are a leg and an adapter. */
class FourthLeg extends EventEmitter<LegEvents> implements Leg {
  readonly info: LegInfo;
  readonly offer = sdp();
  answered = false;
  ended = false;
  constructor(info: LegInfo) {
    super();
    this.info = info;
  }
  async ring() {}
  async answer() {
    if (this.ended) throw new Error("the caller has given up");
    this.answered = true;
    return null;
  }
  refuse(_: Refusal) {
    this.ended = true;
  }
  change(): Promise<string> {
    return Promise.reject(new Error("this protocol changes nothing"));
  }
  transfer() {
    return Promise.resolve(false);
  }
  async end() {
    this.ended = true;
  }
  giveUp() {
    if (this.ended) return;
    this.ended = true;
    this.emit("ended", { code: this.answered ? "hung-up" : "cancelled", by: "caller", q850: 16, sipStatus: null, message: "given up" });
  }
}

class FourthIncoming implements IncomingAdapter {
  readonly info: LegInfo;
  readonly caller: TrunkCaller;
  readonly leg: FourthLeg;
  told: string | undefined;
  readonly #dial: string;
  constructor(dial: string) {
    this.#dial = dial;
    this.info = { ...CALLER, protocol: "fourth" as LegInfo["protocol"], direction: "in", callId: dial };
    this.leg = new FourthLeg(this.info);
    const evidence = { transport: "tcp", address: "127.0.0.1", peer: undefined, authorization: undefined, method: "CALL" } as const;
    this.caller = { kind: "trunk", evidence, challenges: false };
  }
  open() {
    return this.leg;
  }
  begun(call: Call) {
    call.once("ended", ({ outcome }) => {
      this.told ??= outcome;
    });
  }
  dialled(): Dialled {
    return { ...parseDialString(this.#dial), language: null, siteUuid: null };
  }
  wanted(_: Call, trunk: Trunk): Wanted {
    return { dialled: this.dialled(), from: trunk, role: null };
  }
  mediaPolicy(): MediaPolicy {
    return { policy: "none", transport: "tcp", privateNetwork: true };
  }
  refuse(refusal: Refusal) {
    this.leg.refuse(refusal);
  }
}

const fourth: ProtocolUnderTest = {
  name: "a fourth protocol",
  trunks: true,
  adapter: FourthIncoming,
  tell: ({ outcome }) => outcome,
  open: ({ incoming }) =>
    Promise.resolve({
      place: (dial) => {
        const adapter = new FourthIncoming(dial);
        void incoming.receive(adapter);
        return { told: () => adapter.told, giveUp: () => adapter.leg.giveUp() };
      },
      close: () => Promise.resolve(),
    }),
};

export const PROTOCOLS: readonly ProtocolUnderTest[] = [sip, h323, web, fourth];
