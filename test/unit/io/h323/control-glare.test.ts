import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { CallEvent } from "../../../../src/h323/index.ts";
import { type H323Endpoint, openH323Endpoint } from "../../../../src/io/index.ts";
import { decodeSignalling, encodeSignalling, H225_VERSION, type MessageBody, TpktReader, tpkt } from "../../../../src/wire/h225/index.ts";
import { decodeControl, encodeControl } from "../../../../src/wire/h245/index.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function listening(port: number): Promise<Server | undefined> {
  const server = createServer();
  const ready = Promise.race([once(server, "listening").then(() => true), once(server, "error").then(() => false)]);
  server.listen(port, "127.0.0.1");
  if (!(await ready)) return undefined;
  closers.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return server;
}

/** A listener whose port is below all that systems give out by themselves, or above. */
async function listenBeyond(side: "below" | "above"): Promise<Server> {
  for (let i = 0; i < 500; i++) {
    const server = await listening(side === "below" ? 10_000 + i : 61_500 + i);
    if (server !== undefined) return server;
  }
  throw new Error("no port");
}

const guid = new Uint8Array(16);

describe("both sides open a control connection at once", () => {
  it.each(["below", "above"] as const)("the peer's address is %s ours: one connection is agreed on, and the call lives", async (side) => {
    const control = await listenBeyond(side);
    const theirs: Socket[] = [];
    control.on("connection", (socket) => theirs.push(socket.on("error", () => {})));
    const port = (control.address() as { port: number }).port;
    // A callee without tunnelling that answers without an address: both sides then offer theirs in Facility.
    const callee = createServer();
    callee.listen(0, "127.0.0.1");
    await once(callee, "listening");
    const signalling = Promise.withResolvers<Socket>();
    callee.on("connection", (socket) => signalling.resolve(socket.on("error", () => {})));
    closers.push(() => new Promise<void>((resolve) => callee.close(() => resolve())));
    const events: CallEvent[] = [];
    const endpoint: H323Endpoint = await openH323Endpoint({
      host: "127.0.0.1",
      port: 0,
      identity: { aliases: [{ "h323-ID": "a" }], displayName: "a", product: "test", version: "1" },
      capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: 101, userInput: [] },
      style: { fastStart: false, tunnelling: false },
      onSession: () => {},
    });
    closers.push(() => endpoint.close());
    const address = { host: "127.0.0.1", port: (callee.address() as { port: number }).port };
    const session = await endpoint.call(address, { aliases: [] }, { prepare: (s) => (s.onEvent = (event) => events.push(event)) });
    const socket = await signalling.promise;
    const send = (type: "connect" | "facility", body: MessageBody) =>
      socket.write(
        tpkt(
          encodeSignalling({
            type,
            callReference: session.machine.callReference,
            fromDestination: true,
            elements: [],
            info: { "h323-uu-pdu": { "h323-message-body": body, h245Tunnelling: false } },
          }),
        ),
      );
    const common = { protocolIdentifier: H225_VERSION, callIdentifier: { guid }, multipleCalls: false, maintainConnection: false };
    send("connect", { connect: { ...common, destinationInfo: { terminal: {}, mc: false, undefinedNode: false }, conferenceID: guid } });
    const reader = new TpktReader();
    const ours = await new Promise<number>((resolve) =>
      socket.on("data", (chunk) => {
        for (const payload of reader.push(chunk)) {
          const offered = decodeSignalling(payload).info?.["h323-uu-pdu"]["h323-message-body"].facility?.h245Address?.ipAddress;
          if (offered !== undefined) resolve(offered.port);
        }
      }),
    );
    expect(ours < port).toBe(side === "above");
    send("facility", {
      facility: { ...common, reason: { startH245: true }, h245Address: { ipAddress: { ip: Uint8Array.of(127, 0, 0, 1), port } } },
    });
    // The peer's connection to us, at the same time as ours to it.
    const opened = connect(ours, "127.0.0.1").on("error", () => {});
    closers.push(() => opened.destroy());
    await once(opened, "connect");
    await expect.poll(() => theirs.length).toBe(1);
    // The smaller address gives up what it has opened; the other connection is the call's.
    const [kept, given] = side === "above" ? [opened, theirs[0]!] : [theirs[0]!, opened];
    if (side === "above") await expect.poll(() => given.resume().readableEnded).toBe(true);
    else given.end();
    const heard: string[] = [];
    const controlReader = new TpktReader();
    kept.on("data", (chunk) => {
      for (const payload of controlReader.push(chunk)) heard.push(JSON.stringify(Object.values(decodeControl(payload))[0]));
    });
    kept.write(tpkt(encodeControl({ request: { roundTripDelayRequest: { sequenceNumber: 9 } } })));
    await expect.poll(() => heard.join()).toContain("roundTripDelayResponse");
    expect(events.filter((e) => e.type === "released")).toEqual([]);
    session.act((machine) => machine.release(16));
    await expect.poll(() => endpoint.calls).toBe(0);
    for (const s of [socket, ...theirs]) s.destroy();
  });
});
