import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { FakeClock } from "../../support/standing-clock.ts";
import { BfcpLine, isFloor } from "../../../src/call-media/bfcp-section.ts";
import { oneLine, SideLines } from "../../../src/call-media/media-sections.ts";
import { ATTRIBUTE, type BfcpMessage, numberAttribute, PRIMITIVE, parseBfcp, writeBfcp } from "../../../src/wire/bfcp/index.ts";
import { parseSdp, type SdpMedia, type SdpSession } from "../../../src/wire/sdp/index.ts";

const HOST = "127.0.0.1";
const CONTEXT = { policy: "none" as const, transport: "udp" };

function offer(...lines: string[]): SdpSession {
  const head = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 4000 RTP/AVP 0"];
  return parseSdp([...head, ...lines, ""].join("\r\n"));
}
const attribute = (media: SdpMedia, name: string) => media.attributes.find((one) => one.name === name)?.value;

describe("the floor of a call's screen", () => {
  const closing: (() => void)[] = [];
  afterEach(() => {
    for (const close of closing.splice(0)) close();
  });

  function call(clock: Clock = systemClock) {
    const control = new BfcpLine({ clock, host: HOST, advertise: HOST, ports: { min: 18_900, max: 18_999 } });
    const sides = new SideLines([oneLine(control, isFloor)]);
    closing.push(() => sides.close());
    return { sides, control };
  }
  const request = (answer: SdpMedia, version: number, rest: Partial<BfcpMessage> = {}): Uint8Array =>
    writeBfcp({
      version,
      response: false,
      primitive: PRIMITIVE.floorRequest,
      conferenceId: Number(attribute(answer, "confid")),
      transactionId: 1,
      userId: Number(attribute(answer, "userid")),
      attributes: [numberAttribute(ATTRIBUTE.floorId, 1)],
      ...rest,
    });

  it("is held over UDP: the client asks, is granted, and a stranger is not heard", async () => {
    const { sides, control } = call();
    const client = createSocket("udp4");
    const stranger = createSocket("udp4");
    closing.push(
      () => client.close(),
      () => stranger.close(),
    );
    await new Promise<void>((resolve) => client.bind(0, HOST, resolve));
    const answers = await sides.answer(
      offer(
        "m=video 0 RTP/AVP 97",
        "a=label:11",
        `m=application ${client.address().port} UDP/BFCP *`,
        "a=floorctrl:c-s",
        "a=floorid:1 mstrm:11",
      ),
      0,
      CONTEXT,
    );
    const answer = answers.get(2)!;
    expect(attribute(answer, "floorctrl")).toBe("s-only");
    expect(attribute(answer, "floorid")).toBe("1 mstrm:11");
    control.once("request", () => control.grant());
    const heard: (BfcpMessage | undefined)[] = [];
    client.on("message", (bytes) => heard.push(parseBfcp(bytes)));
    stranger.send(request(answer, 2, { conferenceId: 5 }), answer.port, HOST);
    stranger.send(Buffer.from("what is this"), answer.port, HOST);
    client.send(request(answer, 2), answer.port, HOST);
    await expect.poll(() => heard.length).toBeGreaterThanOrEqual(2);
    expect(heard[0]).toMatchObject({ primitive: PRIMITIVE.floorRequestStatus, response: true });
    expect(heard[1]).toMatchObject({ primitive: PRIMITIVE.floorRequestStatus, response: false });
  });

  it("goes nowhere before the far end has acknowledged the call: no connection, no message, and nobody is heard", async () => {
    const connections: unknown[] = [];
    const server = createServer((socket) => connections.push(socket.on("error", () => {})));
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    const client = createSocket("udp4");
    const heard: Buffer[] = [];
    client.on("message", (bytes) => heard.push(bytes));
    await new Promise<void>((resolve) => client.bind(0, HOST, resolve));
    closing.push(
      () => server.close(),
      () => client.close(),
    );
    const [tcp, udp] = [call(), call()];
    const { port } = server.address() as AddressInfo;
    const held = { ...CONTEXT, held: true };
    await tcp.sides.answer(offer(`m=application ${port} TCP/BFCP *`, "a=floorctrl:c-s", "a=setup:passive", "a=connection:new"), 0, held);
    const answers = await udp.sides.answer(offer(`m=application ${client.address().port} UDP/BFCP *`, "a=floorctrl:c-s"), 0, held);
    const answer = answers.get(1)!;
    const requests: unknown[] = [];
    udp.control.on("request", () => requests.push(1));
    client.send(request(answer, 2), answer.port, HOST);
    // what goes over loopback afterwards has come after it
    const other = createSocket("udp4");
    closing.push(() => other.close());
    await new Promise<void>((resolve) => other.bind(0, HOST, resolve));
    const mark = once(other, "message");
    client.send("mark", other.address().port, HOST);
    await mark;
    await nextTurn();
    expect([connections.length, heard.length, requests.length]).toEqual([0, 0, 0]);
    for (const { sides } of [tcp, udp]) sides.acknowledged();
    client.send(request(answer, 2), answer.port, HOST);
    await expect.poll(() => [connections.length, requests.length]).toEqual([1, 1]);
    await expect.poll(() => heard.length).toBeGreaterThan(0);
  });

  it("tells a stranger at the far end's address its mistake, a few times, and the far end all the rest", async () => {
    const { sides, control } = call();
    const [client, stranger] = [createSocket("udp4"), createSocket("udp4")];
    closing.push(
      () => client.close(),
      () => stranger.close(),
    );
    await new Promise<void>((resolve) => client.bind(0, HOST, resolve));
    const line = `m=application ${client.address().port} UDP/BFCP *`;
    const answer = (await sides.answer(offer(line, "a=floorctrl:c-only"), 0, CONTEXT)).get(1)!;
    const heard: (number | undefined)[] = [];
    const told: (number | undefined)[] = [];
    client.on("message", (bytes) => heard.push(parseBfcp(bytes)?.primitive));
    stranger.on("message", (bytes) => told.push(parseBfcp(bytes)?.primitive));
    const asked = once(control, "request");
    client.send(request(answer, 1), answer.port, HOST);
    await asked;
    for (let i = 0; i < 200; i++) stranger.send(request(answer, 2, { conferenceId: 5, transactionId: i }), answer.port, HOST);
    await expect.poll(() => told.length).toBeGreaterThan(0);
    control.grant();
    await expect.poll(() => heard.length).toBe(2);
    // of 200 in far less than two seconds
    expect(told.length).toBeLessThan(20);
    expect(new Set(told)).toEqual(new Set([PRIMITIVE.error]));
    expect(new Set(heard)).toEqual(new Set([PRIMITIVE.floorRequestStatus]));
  });

  it("looks at fifty messages at once, and no more", async () => {
    const { sides } = call(new FakeClock());
    const client = createSocket("udp4");
    closing.push(() => client.close());
    await new Promise<void>((resolve) => client.bind(0, HOST, resolve));
    const line = `m=application ${client.address().port} UDP/BFCP *`;
    const answer = (await sides.answer(offer(line, "a=floorctrl:c-only"), 0, CONTEXT)).get(1)!;
    let heard = 0;
    client.on("message", () => heard++);
    const hello = (transactionId: number) => request(answer, 2, { primitive: PRIMITIVE.hello, attributes: [], transactionId });
    for (let i = 1; i <= 300; i++) client.send(hello(i), answer.port, HOST);
    await expect.poll(() => heard).toBe(50);
    // what waits in sockets is read
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(heard).toBe(50);
  });

  it("is held over TCP, to which the client connects", async () => {
    const { sides, control } = call();
    const answers = await sides.answer(
      offer("m=application 9 TCP/BFCP *", "a=floorctrl:c-only", "a=setup:active", "a=connection:new"),
      0,
      CONTEXT,
    );
    const answer = answers.get(1)!;
    expect(answer.setup).toBe("passive");
    const asked = once(control, "request");
    const socket = connect(answer.port, HOST);
    closing.push(() => socket.destroy());
    const bytes = request(answer, 1);
    socket.write(bytes.subarray(0, 5));
    socket.write(bytes.subarray(5));
    await asked;
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(parseBfcp(first.subarray(0, 4 * first.readUInt16BE(2) + 12))).toMatchObject({
      version: 1,
      primitive: PRIMITIVE.floorRequestStatus,
    });
    const released = once(control, "release");
    socket.destroy();
    await released;
  });

  it("is refused to who insists on being the server, and the call is not", async () => {
    const { sides } = call();
    expect((await sides.answer(offer("m=application 5000 UDP/BFCP *", "a=floorctrl:s-only"), 0, CONTEXT)).size).toBe(0);
    expect((await sides.answer(offer("m=application 5000 UDP/TLS/BFCP *", "a=floorctrl:c-only"), 0, CONTEXT)).size).toBe(0);
  });

  it("is offered by us as the server", async () => {
    const { sides } = call();
    const [line] = await sides.offer(CONTEXT);
    expect(line).toMatchObject({ kind: "application", protocol: "UDP/BFCP", formatTokens: ["*"] });
    expect(attribute(line!, "floorctrl")).toBe("s-only");
  });
});
