import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { H323Leg } from "../../../../src/legs/h323/h323-leg.ts";
import type { LegInfo } from "../../../../src/legs/leg.ts";
import { keepAlivePacket, type TraversalPolicy } from "../../../../src/h323/index.ts";
import {
  type H323Session,
  type MultiplexPort,
  openH323Endpoint,
  openMultiplexPort,
  openRtpRelay,
  type RtpRelay,
} from "../../../../src/io/index.ts";
import { parseSdp } from "../../../../src/wire/sdp/index.ts";

const HOST = "127.0.0.1";
const ports = { min: 44_000, max: 44_999 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

const info = (direction: "in" | "out"): LegInfo => ({
  callId: "1",
  protocol: "h323",
  direction,
  transport: "tcp",
  address: HOST,
  from: "h323:a",
  to: "h323:b",
  displayName: "",
  userAgent: undefined,
});
const sdp = (port: number) => `v=0\r\no=- 1 1 IN IP4 ${HOST}\r\ns=-\r\nc=IN IP4 ${HOST}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;

function udp(): Promise<Socket> {
  const socket = createSocket("udp4");
  closers.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return new Promise((resolve) => socket.bind(0, HOST, () => resolve(socket)));
}

/** A side of a call: its media server's socket, its relays, its leg. */
interface Side {
  readonly server: Socket;
  readonly heard: string[];
  readonly relays: RtpRelay[];
  leg: H323Leg | undefined;
}

async function side(): Promise<Side> {
  const server = await udp();
  const heard: string[] = [];
  server.on("message", (packet) => heard.push(packet.subarray(12).toString()));
  return { server, heard, relays: [], leg: undefined };
}

/** Somewhere that nothing from outside comes to: what a client behind a NAT says of itself. */
const INSIDE = "10.255.255.1";

function relays(of: Side, session: H323Session, client: boolean, multiplex?: MultiplexPort) {
  return async (server: Parameters<typeof openRtpRelay>[0]["server"]) => {
    const relay = await openRtpRelay({
      host: HOST,
      ports,
      server,
      sources: [session.peer.host],
      learn: session.machine.traversal === "server",
      ...(client ? { advertise: INSIDE } : {}),
      ...(multiplex === undefined || client ? {} : { multiplex }),
    });
    of.relays.push(relay);
    closers.push(() => relay.close());
    return relay;
  };
}

const endpoint = (name: string, onSession: (session: H323Session) => void, traversal: TraversalPolicy) =>
  openH323Endpoint({
    host: HOST,
    port: 0,
    identity: { aliases: [{ "h323-ID": name }], displayName: name, product: "test", version: "1" },
    capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: undefined, userInput: [] },
    traversal,
    onSession,
  });

async function call(caller: "client" | "server", multiplex?: MultiplexPort) {
  const sides = { in: await side(), out: await side() };
  const answered = Promise.withResolvers<string>();
  const callee = await endpoint(
    "callee",
    (session) => {
      session.onEvent = (event) => {
        if (event.type !== "incoming") return;
        const leg = new H323Leg(session, info("in"), { relay: relays(sides.in, session, caller === "server", multiplex) });
        sides.in.leg = leg;
        leg.answer(sdp(sides.in.server.address().port)).then(answered.resolve, answered.reject);
      };
    },
    { allowed: [caller === "client" ? "server" : "client"] },
  );
  const from = await endpoint("caller", () => {}, { allowed: [] });
  closers.push(
    () => callee.close(),
    () => from.close(),
  );
  let placed: Promise<string> | undefined;
  await from.call(
    callee.address,
    { aliases: [] },
    {
      traversal: { role: caller, allowed: [] },
      prepare: (session) => {
        const leg = new H323Leg(session, info("out"), { relay: relays(sides.out, session, caller === "client", multiplex) });
        sides.out.leg = leg;
        leg.prepare(sdp(sides.out.server.address().port));
        placed = leg.placed(() => {});
      },
    },
  );
  const [far, near] = await Promise.all([answered.promise, placed!]);
  return { ...sides, far: { in: far, out: near } };
}

const packet = (text: string) => Buffer.concat([keepAlivePacket(0, 1), Buffer.from(text)]);
const portOf = (description: string) => parseSdp(description).media[0]!.port;

describe("media of a call with an endpoint behind a NAT", () => {
  it.each([
    ["it calls", "client", false],
    ["it is called", "server", false],
    ["it calls, its media on shared ports", "client", true],
    ["it is called, its media on shared ports", "server", true],
  ] as const)("%s: heard both ways, though what it says of itself leads nowhere", async (_title, caller, sharing) => {
    const multiplex = sharing ? await openMultiplexPort(HOST, 0) : undefined;
    if (multiplex !== undefined) closers.push(() => multiplex.close());
    const { far, ...sides } = await call(caller, multiplex);
    const [client, server] = caller === "client" ? [sides.out, sides.in] : [sides.in, sides.out];
    // Its keep-alives have gone out before anything else; what the server sends comes back their way.
    await expect.poll(() => client.relays[0]?.stats.keepAlives).toBe(1);
    const send = (from: typeof client, description: string, text: string) => from.server.send(packet(text), portOf(description), HOST);
    const descriptionOf = (s: typeof client) => (s === sides.in ? far.in : far.out);
    await expect
      .poll(() => {
        send(server, descriptionOf(server), "to the client");
        return client.heard[0];
      })
      .toBe("to the client");
    await expect
      .poll(() => {
        send(client, descriptionOf(client), "to the server");
        return server.heard[0];
      })
      .toBe("to the server");
    if (multiplex !== undefined) expect(multiplex.strays).toBe(0);
    sides.out.leg!.end(16, "done");
    await expect.poll(() => sides.in.leg!.ended).toBe(true);
  });
});
