import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { JoinTokenVerdict } from "../../../src/security/join-token.ts";
import { FakeClock } from "../../support/standing-clock.ts";
import { Defence, NO_BANS } from "../../../src/security/defence.ts";
import { HostCheck } from "../../../src/admin/host-check.ts";
import { ClientAddresses } from "../../../src/security/client-address.ts";
import { PageDoor } from "../../../src/web/socket-server.ts";
import type { JoinMessage, PageMessage } from "../../../src/web/messages.ts";
import type { PageLink, PageSource, Visit, VisitHost } from "../../../src/web/ports.ts";

const ticket = { id: "t", meeting: "1000", name: null, role: "host", issuedAt: 0, expiresAt: 1 } as const;
/** Takes one token. */
const tokens = {
  verify(token: string): JoinTokenVerdict {
    return token === "right" ? { ticket } : { fault: token === "late" ? "expired" : "invalid" };
  },
};

/** Remembers what it is asked. */
class Host implements VisitHost {
  readonly joins: { message: JoinMessage; source: PageSource; link: PageLink }[] = [];
  readonly received: PageMessage[] = [];
  readonly detached: [link: PageLink, away: boolean][] = [];
  readonly resumed: string[] = [];
  readonly #visit: Visit = {
    receive: (message) => {
      if (message.type === "leave") throw new Error("a mistake of ours");
      this.received.push(message);
    },
    detached: (link, away) => this.detached.push([link, away]),
  };

  join(message: JoinMessage, source: PageSource, link: PageLink): Visit {
    this.joins.push({ message, source, link });
    link.send({ type: "beat" });
    return this.#visit;
  }

  resume(visit: string, secret: string): Visit | undefined {
    if (secret !== "right") return undefined;
    this.resumed.push(visit);
    return this.#visit;
  }
}

describe("the door for pages", () => {
  let host: Host;
  let door: PageDoor;
  let server: Server;
  let port: number;
  let warnings: string[];

  beforeEach(async () => {
    host = new Host();
    warnings = [];
    const log = {
      warn: (_: object, message: string) => warnings.push(message),
      error: (_: object, message: string) => warnings.push(message),
    };
    door = new PageDoor({
      host,
      tokens,
      origins: ["https://app.example"],
      clients: new ClientAddresses(["127.0.0.9"]),
      hosts: new HostCheck(["gw.example"]),
      log,
    });
    server = createServer((_, response) => response.end());
    door.attach(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => {
    door.close();
    server.closeAllConnections();
    server.close();
  });

  const open = (headers: Record<string, string> = {}, path = "/api/v1/join") => new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  const join = async (more: object = {}, headers: Record<string, string> = {}) => {
    const socket = open(headers);
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "join", meeting: "1000", name: "Ada", ...more }));
    await once(socket, "message");
    return socket;
  };
  const refusal = async (socket: WebSocket) => {
    const [error] = (await once(socket, "error")) as [Error];
    return /\d{3}/.exec(error.message)?.[0];
  };

  it("takes pages of its own and of configured origins, and no others", async () => {
    await join({}, { origin: `http://127.0.0.1:${port}` });
    await join({}, { origin: "https://app.example" });
    await join();
    expect(host.joins).toHaveLength(3);
    expect(await refusal(open({ origin: "https://evil.example" }))).toBe("403");
    expect(await refusal(open({ origin: "null" }))).toBe("403");
    expect(await refusal(open({ origin: `http://127.0.0.1:${port}.evil.example` }))).toBe("403");
    expect(await refusal(open({}, "/api/v1/other"))).toBe("404");
    expect(host.joins).toHaveLength(3);
  });

  it("is not opened under a name that is none of ours, whatever the page's origin", async () => {
    for (const host of ["evil.example", `evil.example:${port}`, "gw.example.evil.example"])
      expect(await refusal(open({ host, origin: `http://${host}` })), host).toBe("421");
    await once(open({ host: "gw.example", origin: "http://gw.example" }), "open");
  });

  it("believes a trusted proxy, and nobody else, where a page comes from", async () => {
    await join({}, { "x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https" });
    expect(host.joins.at(-1)!.source).toMatchObject({ address: "127.0.0.1", transport: "ws" });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/join`, {
      localAddress: "127.0.0.9",
      headers: { "x-forwarded-for": "6.6.6.6, 198.51.100.7", "x-forwarded-proto": "https" },
    });
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "join", meeting: "1000", name: "Ada" }));
    await once(socket, "message");
    expect(host.joins.at(-1)!.source).toMatchObject({ address: "198.51.100.7", transport: "wss" });
  });

  it("takes a join token from the message or the header, and tells why one is not taken", async () => {
    await join({ token: "right" });
    await join({}, { authorization: "Bearer right" });
    await join();
    await join({ token: "late" });
    expect(host.joins.map(({ source }) => source.token)).toEqual([{ ticket }, { ticket }, null, { fault: "expired" }]);
    expect(warnings).toHaveLength(1);
  });

  it("stops hearing guesses of an address, and never what is right", async () => {
    for (let i = 0; i < 10; i++) await join({ token: `guess-${i}` });
    const socket = open();
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "join", meeting: "1000", name: "Ada", token: "guess-10" }));
    expect((await once(socket, "close"))[0]).toBe(4429);
    await join({ token: "right" });
    expect(host.joins.at(-1)!.source.token).toEqual({ ticket });
    expect(warnings).toHaveLength(10);
    expect(JSON.stringify(warnings)).not.toContain("guess");
  });

  it("passes messages on, and hangs up on what is none", async () => {
    const socket = await join();
    socket.send('{"type":"mute","muted":true}');
    socket.send("nonsense");
    const [code] = await once(socket, "close");
    expect(code).toBe(4400);
    expect(host.received).toEqual([{ type: "mute", muted: true }]);
    await expect.poll(() => host.detached).toEqual([[host.joins[0]!.link, false]]);
  });

  it("tells a page that is closed from a WebSocket that breaks", async () => {
    (await join()).close(1001);
    await expect.poll(() => host.detached).toEqual([[host.joins[0]!.link, true]]);
    (await join()).terminate();
    await expect.poll(() => host.detached.length).toBe(2);
    expect(host.detached[1]![1]).toBe(false);
  });

  it("hears join or resume first, and once", async () => {
    const early = open();
    await once(early, "open");
    early.send('{"type":"mute","muted":true}');
    expect((await once(early, "close"))[0]).toBe(4400);
    const twice = await join();
    twice.send('{"type":"join","meeting":"1000","name":"Ada"}');
    expect((await once(twice, "close"))[0]).toBe(4400);
    const stranger = open();
    await once(stranger, "open");
    stranger.send('{"type":"resume","visit":"v","secret":"wrong"}');
    expect((await once(stranger, "close"))[0]).toBe(4404);
    const back = open();
    await once(back, "open");
    back.send('{"type":"resume","visit":"v","secret":"right"}');
    back.send('{"type":"keys","keys":"1"}');
    back.close();
    await once(back, "close");
    expect(host.resumed).toEqual(["v"]);
    expect(host.received).toEqual([{ type: "keys", keys: "1" }]);
  });

  it("hangs up on floods and on giants, and survives mistakes of ours", async () => {
    const flood = await join();
    for (let i = 0; i < 400; i++) flood.send('{"type":"keys","keys":"1"}');
    expect((await once(flood, "close"))[0]).toBe(4429);
    const giant = await join();
    giant.send("x".repeat(100_000));
    expect((await once(giant, "close"))[0]).toBe(1009);
    const unlucky = await join();
    unlucky.send('{"type":"leave"}');
    expect((await once(unlucky, "close"))[0]).toBe(1011);
    await join();
  });

  it("limits how often one address may knock", async () => {
    const answers: string[] = [];
    for (let i = 0; i < 40; i++) {
      const socket = open();
      socket.on("error", (error) => answers.push(/\d{3}/.exec(error.message)?.[0] ?? ""));
      socket.on("open", () => answers.push("open"));
      await once(socket, "open").catch(() => undefined);
      socket.close();
    }
    expect(answers.filter((answer) => answer === "429").length).toBeGreaterThan(5);
    expect(answers.filter((answer) => answer === "open").length).toBeGreaterThanOrEqual(30);
  });

  it("tells pages when the gateway stops", async () => {
    const socket = await join();
    door.close();
    expect((await once(socket, "close"))[0]).toBe(1001);
  });
});

it("bans a client behind a trusted proxy for wrong join tokens, by its own address, and nobody else behind that proxy", async () => {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const policy = { ...NO_BANS, limits: { ...NO_BANS.limits, "wrong-token": 3 } };
  const defence = new Defence({ clock: new FakeClock(), log, policy });
  const clients = new ClientAddresses(["127.0.0.1"]);
  const door = new PageDoor({ host: new Host(), tokens, origins: [], clients, hosts: new HostCheck(["127.0.0.1"]), defence, log });
  const server = createServer().listen(0, "127.0.0.1");
  door.attach(server);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const join = async (from: string, token: string): Promise<string> => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/api/v1/join`, { headers: { "X-Forwarded-For": from } });
    const refused = once(socket, "error").then(([error]) => (error as Error).message);
    const answered = once(socket, "open").then(async () => {
      socket.send(JSON.stringify({ type: "join", meeting: "1000", name: "Ada", token }));
      await once(socket, "message");
      socket.terminate();
      return "in";
    });
    return Promise.race([refused, answered]);
  };
  for (const token of ["late", "wrong", "wrong", "wrong"]) expect(await join("192.0.2.7", token)).toBe("in");
  expect(defence.bans()).toMatchObject([{ address: "192.0.2.7", reason: "wrong-token" }]);
  expect(await join("192.0.2.7", "right")).toContain("403");
  expect(await join("192.0.2.8", "right")).toBe("in");
  door.close();
  server.closeAllConnections();
  server.close();
});
