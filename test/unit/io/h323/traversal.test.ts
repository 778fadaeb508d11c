import { afterEach, describe, expect, it } from "vitest";
import type { CallEvent } from "../../../../src/h323/index.ts";
import { Gatekeeper, type GatekeeperEvent, RasClient, type RasEvent } from "../../../../src/h323/index.ts";
import {
  type H323Endpoint,
  type H323EndpointOptions,
  type H323Session,
  openH323Endpoint,
  openRasSocket,
  type SignallingTunnel,
} from "../../../../src/io/index.ts";
import { clientConfig, gatekeeperConfig } from "../../../support/ras-net.ts";

const HOST = "127.0.0.1";
const closers: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

const media = (port: number) => ({ rtp: { host: HOST, port }, rtcp: { host: HOST, port: port + 1 } });

class Side {
  endpoint!: H323Endpoint;
  readonly events: CallEvent[] = [];
  readonly tunnels: SignallingTunnel[] = [];
  session: H323Session | undefined;

  static async open(name: string, more: Partial<H323EndpointOptions> = {}): Promise<Side> {
    const side = new Side();
    side.endpoint = await openH323Endpoint({
      host: HOST,
      port: 0,
      identity: { aliases: [{ "h323-ID": name }], displayName: name, product: "test", version: "1" },
      capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: 101, userInput: ["alphanumeric"] },
      onSession: (session) => {
        side.prepare(session, 40_000);
      },
      ...more,
    });
    closers.push(() => side.endpoint.close());
    return side;
  }
  prepare(session: H323Session, port: number): void {
    this.session = session;
    session.onEvent = (event) => {
      this.events.push(event);
      if (event.type === "incoming") session.act((machine, now) => machine.answer(now));
    };
    session.act((machine, now) => machine.setMedia(media(port), now));
  }
  has(type: CallEvent["type"]): boolean {
    return this.events.some((e) => e.type === type);
  }
}

const established = (...sides: readonly Side[]) => expect.poll(() => sides.map((s) => s.has("established"))).toEqual(sides.map(() => true));

describe("H.460.18: an endpoint that cannot be connected to", () => {
  async function registered(traversal: number | undefined) {
    const server = await Side.open("server");
    const client = await Side.open("client");
    const told: GatekeeperEvent[] = [];
    const heard: RasEvent[] = [];
    const gatekeeper = await openRasSocket<Gatekeeper, GatekeeperEvent>(
      { host: HOST, port: 0, onEvent: (event) => told.push(event) },
      (ras) => new Gatekeeper(gatekeeperConfig({ ras, signalling: server.endpoint.address, traversal })),
    );
    const ras = await openRasSocket<RasClient, RasEvent>(
      {
        host: HOST,
        port: 0,
        onEvent: (event) => {
          heard.push(event);
          if (event.type === "summoned") client.endpoint.come(event);
        },
      },
      // What it says of itself is of no use to anybody else.
      (own) =>
        new RasClient(
          clientConfig("10.255.255.1", "100", {
            gatekeeper: gatekeeper.address,
            ras: { host: "10.255.255.1", port: own.port },
            traversal: true,
          }),
        ),
    );
    closers.push(() => gatekeeper.close());
    closers.push(() => ras.close());
    ras.act((machine, now) => machine.start(now));
    await expect.poll(() => gatekeeper.machine.find("100")).toBeDefined();
    await expect.poll(() => heard.some((e) => e.type === "registered")).toBe(true);
    return { server, client, gatekeeper, ras, told, heard };
  }

  it("registers, is told of a call, comes for it, and is talked to", async () => {
    const { server, client, gatekeeper, ras, heard } = await registered(20);
    const registration = gatekeeper.machine.find("100")!;
    expect(registration).toMatchObject({ traversal: "h460.18", ras: ras.address });
    expect(ras.machine.traversed).toBe(true);
    const callIdentifier = "00112233445566778899aabbccddeeff";
    const placed = server.endpoint.callWhenCome(callIdentifier, { aliases: [] }, { prepare: (s) => server.prepare(s, 41_000) });
    gatekeeper.act((machine, now) => machine.summon(registration, callIdentifier, now));
    await placed;
    await established(server, client);
    expect(client.session?.machine.callIdentifier).toBe(callIdentifier);
    client.session!.act((machine, now) => machine.sendDigits("7", now));
    await expect.poll(() => server.events.find((e) => e.type === "digits")).toMatchObject({ digits: "7" });
    expect(heard.filter((e) => e.type === "summoned")).toHaveLength(1);
    server.session!.act((machine) => machine.release(16));
    await expect.poll(() => [server.endpoint.calls, client.endpoint.calls]).toEqual([0, 0]);
  });

  it("is not offered where it is not configured: the client registers as any other", async () => {
    const { gatekeeper, ras } = await registered(undefined);
    expect(gatekeeper.machine.find("100")).toMatchObject({ traversal: undefined, signalling: { host: "10.255.255.1" } });
    expect(ras.machine.traversed).toBe(false);
  });

  it("who comes for a call that does not wait is turned away", async () => {
    const server = await Side.open("server");
    const client = await Side.open("client");
    client.endpoint.come({ to: server.endpoint.address, callIdentifier: "ff".repeat(16) });
    await expect.poll(() => client.has("released")).toBe(true);
    await expect.poll(() => [server.endpoint.calls, client.endpoint.calls]).toEqual([0, 0]);
  });
});

describe("H.460.17: an endpoint with one TCP connection", () => {
  it("registers by it, calls by it and is called by it, two calls at a time", async () => {
    const tunnels: SignallingTunnel[] = [];
    const told: GatekeeperEvent[] = [];
    const sends = new Map<number, SignallingTunnel>();
    const server = await Side.open("server", {
      onTunnel: (tunnel) => {
        const connection = tunnels.push(tunnel);
        sends.set(connection, tunnel);
        tunnel.onRas = (bytes) => gatekeeper.receive(bytes, { ...tunnel.peer, connection });
        void tunnel.ended.then(() => gatekeeper.act((machine) => machine.disconnected(connection)));
      },
    });
    const gatekeeper = await openRasSocket<Gatekeeper, GatekeeperEvent>(
      { host: HOST, port: 0, onEvent: (event) => told.push(event), tunnelled: (to, bytes) => sends.get(to)?.sendRas(bytes) },
      (ras) => new Gatekeeper(gatekeeperConfig({ ras, signalling: server.endpoint.address })),
    );
    closers.push(() => gatekeeper.close());
    const client = await Side.open("client");
    const tunnel = await client.endpoint.openTunnel(server.endpoint.address);
    const ras = new RasClient(clientConfig(HOST, "100", { gatekeeper: server.endpoint.address, discover: false }));
    const heard: RasEvent[] = [];
    const drain = () => {
      for (const output of ras.drain())
        if (output.type === "send") tunnel.sendRas(output.bytes);
        else heard.push(output.event);
    };
    tunnel.onRas = (bytes) => {
      ras.received(bytes, server.endpoint.address, 1);
      drain();
    };
    ras.start(0);
    drain();
    await expect.poll(() => heard.some((e) => e.type === "registered")).toBe(true);
    expect(gatekeeper.machine.find("100")).toMatchObject({ traversal: "h460.17", ras: { connection: 1 } });
    // The server calls, then the client: each call on its own, in the same connection.
    server.endpoint.callThrough(tunnels[0]!, { aliases: [] }, { prepare: (s) => server.prepare(s, 41_000) });
    await established(server, client);
    const first = [server.session!, client.session!];
    const back = new Side();
    client.endpoint.callThrough(tunnel, { aliases: [] }, { prepare: (s) => back.prepare(s, 42_000) });
    await established(back);
    expect([server.endpoint.calls, client.endpoint.calls]).toEqual([2, 2]);
    first[0]!.act((machine) => machine.release(16));
    await expect.poll(() => [server.endpoint.calls, client.endpoint.calls]).toEqual([1, 1]);
    back.session!.act((machine, now) => machine.sendDigits("9", now));
    await expect.poll(() => server.events.filter((e) => e.type === "digits")).toHaveLength(1);
    // The connection is lost: the call and the registration go with it.
    tunnel.close();
    await expect.poll(() => [server.endpoint.calls, client.endpoint.calls]).toEqual([0, 0]);
    await expect.poll(() => gatekeeper.machine.registrations).toEqual([]);
    expect(told.at(-1)).toMatchObject({ type: "unregistered", reason: "disconnected" });
  });

  it("is refused where it is not configured", async () => {
    const server = await Side.open("server");
    const client = await Side.open("client");
    const tunnel = await client.endpoint.openTunnel(server.endpoint.address);
    tunnel.sendRas(Uint8Array.of(1));
    await tunnel.ended;
    expect(server.endpoint.calls).toBe(0);
  });

  it("holds calls in it to the same bounds as others", async () => {
    const heard = Promise.withResolvers<void>();
    const server = await Side.open("server", {
      limits: { perSource: 2 },
      onTunnel: (tunnel) => {
        tunnel.onRas = ([octet]) => octet === 2 && heard.resolve();
      },
    });
    const client = await Side.open("client");
    const tunnel = await client.endpoint.openTunnel(server.endpoint.address);
    tunnel.sendRas(Uint8Array.of(1));
    for (let i = 0; i < 3; i++) client.endpoint.callThrough(tunnel, { aliases: [] }, { prepare: (s) => client.prepare(s, 42_000 + 2 * i) });
    tunnel.sendRas(Uint8Array.of(2));
    await heard.promise;
    // The connection counts as one.
    expect(server.endpoint.calls).toBe(1);
    expect(server.events.filter((e) => e.type === "incoming")).toHaveLength(1);
    tunnel.close();
  });
});
