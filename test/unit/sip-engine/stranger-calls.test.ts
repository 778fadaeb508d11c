import { createSocket } from "node:dgram";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SipEngine } from "../../../src/sip-engine/index.ts";
import { parseMessage } from "../../../src/wire/sip/index.ts";
import { LiveApp, portOf, requestText, startEngine } from "./live.ts";

/** A flood of calls on the engine's sockets, before any application sees them, and callers beside it. */
let engine: SipEngine;
let app: LiveApp;
const seen = new Map<string, number>();
beforeAll(async () => {
  engine = await startEngine({
    listeners: [{ transport: "udp", host: "127.0.0.1", port: 0 }],
    access: { allow: [], deny: [], own: [], trunks: ["127.0.0.40/32"], strangerCalls: { perSource: 5, all: 25 }, trunksFirst: true },
  });
  app = await LiveApp.open(engine, ["invite"], (request) => {
    const agent = request.get("user-agent") ?? "";
    seen.set(agent, (seen.get(agent) ?? 0) + 1);
    return "SIP/2.0 486 Busy\r\n";
  });
});
afterAll(async () => {
  app.close();
  await engine.stop();
});

/** Sends INVITEs from one address; what comes back, by status. */
async function invites(
  count: number,
  address: string,
): Promise<{ answers: Map<number, number>; retryAfter: Set<string | undefined>; close(): void }> {
  const socket = createSocket("udp4");
  const answers = new Map<number, number>();
  const retryAfter = new Set<string | undefined>();
  socket.on("message", (data) => {
    const message = parseMessage(data);
    if (message.kind !== "response" || message.status < 200) return;
    answers.set(message.status, (answers.get(message.status) ?? 0) + 1);
    if (message.status === 503) retryAfter.add(message.get("retry-after"));
  });
  await new Promise<void>((done) => socket.bind(0, address, done));
  const { port } = socket.address();
  for (let i = 0; i < count; i++)
    socket.send(requestText("INVITE", { port, headers: `User-Agent: ${address}\r\n` }), portOf(engine, "udp"), "127.0.0.1");
  return { answers, retryAfter, close: () => socket.close() };
}

test("strangers have so many calls a source and in all; a trunk's address has every one of its own looked at", async () => {
  const flood = await Promise.all(Array.from({ length: 10 }, (_, i) => invites(60, `127.0.0.${50 + i}`)));
  const good = await invites(100, "127.0.0.40");
  await expect.poll(() => seen.get("127.0.0.40"), { timeout: 5_000 }).toBe(100);
  await expect.poll(() => good.answers.get(486), { timeout: 5_000 }).toBe(100);
  // strangers wait for their turn
  await expect.poll(async () => (await engine.stats())["strangersWaiting"]).toBe(0);
  await expect.poll(async () => (await engine.stats())["dropped"]).toBe(600 - [...seen].reduce((sum, [, count]) => sum + count, -100));
  // Ten at once of each of ten sources, fifty of all; a few more come in while the flood is sent.
  const strangers = [...seen].filter(([agent]) => agent !== "127.0.0.40");
  expect(Math.max(...strangers.map(([, count]) => count))).toBeLessThanOrEqual(20);
  const taken = strangers.reduce((sum, [, count]) => sum + count, 0);
  expect(taken).toBeGreaterThanOrEqual(40);
  expect(taken).toBeLessThanOrEqual(100);
  const refused = flood.reduce((sum, { answers }) => sum + (answers.get(503) ?? 0), 0);
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThanOrEqual(100);
  expect([...new Set(flood.flatMap(({ retryAfter }) => [...retryAfter]))]).toEqual(["2"]);
  const stats = await engine.stats();
  expect(stats["dropped"]).toBe(600 - taken);
  for (const peer of [...flood, good]) peer.close();
});
