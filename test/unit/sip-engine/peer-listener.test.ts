import { createSocket } from "node:dgram";
import { afterEach, expect, test } from "vitest";
import { LiveApp, requestText, startEngine, udpPeer } from "./live.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** An engine whose only way by UDP is a listener for 127.0.0.1 alone. */
async function engineFor(...peers: string[]) {
  const engine = await startEngine({
    listeners: [
      { transport: "tcp" as const, host: "127.0.0.1", port: 0 },
      ...peers.map((peer) => ({ transport: "udp" as const, host: "127.0.0.1", port: 0, peer })),
    ],
  });
  ending.push(() => engine.stop());
  return engine;
}
const invite = (uri: string): string => `sip||\r\nINVITE ${uri} SIP/2.0\r\nContent-Length: 0\r\n\r\n`;

test("requests to its peer leave by it, and name it; the same transport to others is not there", async () => {
  const engine = await engineFor("127.0.0.1");
  const app = await LiveApp.open(engine, ["invite"]);
  const phone = await udpPeer();
  ending.push(
    () => app.close(),
    () => phone.close(),
  );
  const { port } = engine.listeners.find(({ peer }) => peer !== undefined)!;
  app.send(invite(`sip:x@127.0.0.1:${phone.port}`));
  const got = await phone.inbox.next();
  expect(got.kind === "request" && got.method).toBe("INVITE");
  expect(got.get("Via")).toContain(`SIP/2.0/UDP 127.0.0.1:${port};`);
  expect(got.get("Contact")).toContain(`127.0.0.1:${port}`);
  await app.replies.next();
  app.send(invite("sip:x@192.0.2.9;transport=udp"));
  expect((await app.replies.next()).tokens.slice(3)).toEqual(["NOK", "requested protocol/transport not available"]);
});

test("a request that nothing of ours can carry is answered 503 at once, and the engine has no fault", async () => {
  const engine = await engineFor();
  const app = await LiveApp.open(engine, ["invite"]);
  ending.push(() => app.close());
  app.send(invite("sip:x@127.0.0.1:9"));
  expect((await app.replies.next()).tokens[3]).toBe("OK");
  const { sip } = await app.inbox.next();
  expect(sip.startLine).toBe("SIP/2.0 503 Service Unavailable");
  expect(await engine.stats()).toMatchObject({ awaitingResponse: 0, dialogs: 0 });
});

test("takes no request outside a dialog, and nothing at all from others", async () => {
  const engine = await engineFor("127.0.0.1");
  const app = await LiveApp.open(engine, ["options", "invite"], () => "SIP/2.0 200 OK\r\n");
  const neighbour = await udpPeer();
  ending.push(
    () => app.close(),
    () => neighbour.close(),
  );
  const { port } = engine.listeners.find(({ peer }) => peer !== undefined)!;
  const stranger = createSocket("udp4");
  ending.push(() => stranger.close());
  const heard: string[] = [];
  stranger.on("message", (data) => heard.push(data.toString()));
  await new Promise<void>((done) => stranger.bind(0, "127.0.0.2", done));
  stranger.send(requestText("OPTIONS", { port: stranger.address().port }), port, "127.0.0.1");
  for (const method of ["OPTIONS", "INVITE"]) {
    neighbour.send(requestText(method, { port: neighbour.port }), port);
    const final = await neighbour.inbox.find((message) => message.kind === "response" && message.status >= 200);
    expect(final.startLine).toBe("SIP/2.0 403 Forbidden");
  }
  expect(app.inbox.size).toBe(0);
  // sent before the others', and by then long there
  expect(heard).toEqual([]);
});
