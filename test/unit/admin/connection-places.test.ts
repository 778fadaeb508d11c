import { connect, type Socket } from "node:net";
import { afterEach, expect, it } from "vitest";
import { type AdminServer, createAdminServer } from "../../../src/admin/server.ts";
import { FakeClock } from "../../support/standing-clock.ts";
import { Defence } from "../../../src/security/defence.ts";
import { ClientAddresses } from "../../../src/security/client-address.ts";
import { FakeGateway } from "./fake-gateway.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

const log = { info: () => {}, warn: () => {}, error: () => {} };
const TOKEN = "a-token-for-tests-only";

async function listening(
  defence = new Defence({ clock: new FakeClock(), log }),
): Promise<{ port: number; server: AdminServer; defence: Defence }> {
  const server = createAdminServer({ gateway: new FakeGateway(), token: TOKEN, version: "1", log, defence });
  const port = await server.listen("127.0.0.1", 0);
  ending.push(() => server.close());
  return { port, server, defence };
}

function open(port: number, localAddress = "127.0.0.1"): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress }, () => resolve(socket));
    socket.on("error", () => {});
    ending.push(() => socket.destroy());
  });
}

it("1,100 idle connections of one address shut the web port to nobody, themselves neither", async () => {
  const { port } = await listening();
  const idle: Socket[] = [];
  for (let i = 0; i < 1_100; i++) idle.push(await open(port, "127.0.0.5"));
  for (const localAddress of ["127.0.0.5", "127.0.0.6"]) {
    const socket = await open(port, localAddress);
    const answered = new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString())));
    socket.write("GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    expect(await answered).toMatch(/^HTTP\/1\.1 200/);
  }
  await expect.poll(() => idle.filter((socket) => !socket.destroyed).length).toBeLessThanOrEqual(250);
});

it("a banned source gets nothing from the web port; bans are listed, made and lifted", async () => {
  const { port, server, defence } = await listening();
  const api = (method: "GET" | "POST" | "DELETE", path: string, body?: object) =>
    server.inject({ method, url: `/api/v1${path}`, headers: { authorization: `Bearer ${TOKEN}` }, ...(body ? { payload: body } : {}) });
  const made = await api("POST", "/bans", { address: "127.0.0.9", seconds: 60 });
  expect([made.statusCode, made.json()]).toMatchObject([201, { address: "127.0.0.9", reason: "by-hand", count: 1 }]);
  const socket = await open(port, "127.0.0.9");
  await new Promise((resolve) => socket.once("close", resolve));
  await api("POST", "/bans", { address: "2001:db8::1" });
  expect((await api("POST", "/bans", { address: "nonsense" })).statusCode).toBe(422);
  expect(
    (await api("GET", "/bans"))
      .json()
      .map(({ address }: { address: string }) => address)
      .sort(),
  ).toEqual(["127.0.0.9", "2001:db8::/64"]);
  expect((await api("DELETE", "/bans/2001:db8::7")).statusCode).toBe(204);
  expect((await api("DELETE", `/bans/${encodeURIComponent("2001:db8::/64")}`)).statusCode).toBe(404);
  expect((await api("DELETE", "/bans/127.0.0.9")).statusCode).toBe(204);
  expect(defence.bans()).toEqual([]);
});

it("behind a trusted proxy a ban acts on the client's address", async () => {
  const defence = new Defence({ clock: new FakeClock(), log });
  const clients = new ClientAddresses(["127.0.0.1"]);
  const server = createAdminServer({ gateway: new FakeGateway(), token: TOKEN, version: "1", log, defence, clients });
  ending.push(() => server.close());
  const ask = (from: string) => server.inject({ url: "/api/v1/health", headers: { "x-forwarded-for": from } });
  defence.ban("192.0.2.7");
  expect((await ask("192.0.2.7")).statusCode).toBe(403);
  expect((await ask("192.0.2.8")).statusCode).toBe(200);
  defence.lift("192.0.2.7");
  expect((await ask("192.0.2.7")).statusCode).toBe(200);
});
