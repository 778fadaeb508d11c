import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { createSrf } from "../../../../src/legs/sip/drachtio.ts";

test("an application that is disconnected in the middle of a frame ignores the rest of it", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const faults = vi.fn();
  process.once("uncaughtException", faults);
  const srf = createSrf();
  srf
    .on("error", () => {})
    .on("close", () => {})
    .on("reconnecting", () => {});
  srf.connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, secret: "s" });
  const [engine] = (await once(server, "connection")) as [Socket];
  const connected = once(srf as never, "connect");
  const [asked] = (await once(engine, "data")) as [Buffer];
  const id = asked.toString().split("#")[1]!.split("|")[0]!;
  const frame = (content: string) => `${Buffer.byteLength(content)}#${content}`;
  engine.write(frame(`x|response|${id}|OK|udp/127.0.0.1:5060`));
  await connected;
  const notice = frame(`y|sip|network|200|udp|127.0.0.1|5060|x|t1|d1\r\nOPTIONS sip:a@b SIP/2.0\r\nVia: #1\r\n\r\n`);
  engine.write(notice.slice(0, 30));
  await new Promise((resolve) => setTimeout(resolve, 50));
  srf.disconnect();
  engine.write(`${notice.slice(30)}${notice}`);
  await once(engine, "end").catch(() => {});
  engine.end();
  await new Promise((resolve) => setTimeout(resolve, 50));
  process.off("uncaughtException", faults);
  expect(faults).not.toHaveBeenCalled();
  server.close();
});
