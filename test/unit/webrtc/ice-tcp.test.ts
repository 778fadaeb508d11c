import { createHmac } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Detour } from "../../../src/webrtc/ice-tcp.ts";
import { isGenuine } from "../../../src/webrtc/stun.ts";

const PASSWORD = "a-password-of-ice";

/** A check for `fragment`, with no tie-breaker to speak of. */
function check(fragment: string, password = PASSWORD): Buffer {
  const name = Buffer.from(`${fragment}:them`);
  const padded = Buffer.concat([name, Buffer.alloc((4 - (name.length % 4)) % 4)]);
  const attribute = (type: number, value: Buffer, length = value.length) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type, 0);
    head.writeUInt16BE(length, 2);
    return Buffer.concat([head, value]);
  };
  const body = Buffer.concat([attribute(0x8029, Buffer.alloc(8)), attribute(0x0006, padded, name.length)]);
  const head = Buffer.from("0001000021 12a442 000102030405060708090a0b".replace(/ /g, ""), "hex");
  head.writeUInt16BE(body.length + 24, 2);
  const covered = Buffer.concat([head, body]);
  return Buffer.concat([covered, attribute(0x0008, createHmac("sha1", password).update(covered).digest())]);
}

describe("the way round the library's sockets", () => {
  let agent: Socket;
  let detour: Detour;
  let got: { packet: Buffer; port: number }[];
  const open: { close(): unknown }[] = [];

  beforeEach(async () => {
    got = [];
    agent = createSocket("udp4");
    agent.on("message", (packet, from) => got.push({ packet, port: from.port }));
    agent.bind(0, "127.0.0.1");
    await once(agent, "listening");
    detour = await Detour.open(
      "127.0.0.1",
      Array.from({ length: 50 }, (_, i) => 21_300 + i),
    );
    detour.add({ fragment: "mine", password: PASSWORD, address: "127.0.0.1", port: agent.address().port });
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
    detour.close();
    agent.close();
  });

  const udp = async () => {
    const socket = createSocket("udp4");
    open.push(socket);
    const heard: Buffer[] = [];
    socket.on("message", (packet) => heard.push(packet));
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return { send: (packet: Buffer) => socket.send(packet, detour.port, "127.0.0.1"), heard, port: socket.address().port };
  };
  const framed = (packet: Buffer) => Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]);

  it("takes whoever shows a genuine check, repairs it, and brings back what the agent says", async () => {
    const browser = await udp();
    browser.send(check("mine"));
    await expect.poll(() => got.length).toBe(1);
    expect(got[0]!.packet.readBigUInt64BE(24)).toBe(1n);
    expect(isGenuine(got[0]!.packet, PASSWORD)).toBe(true);
    expect(detour.wayOf("mine", got[0]!.port)).toEqual({ tcp: false, from: `127.0.0.1 ${browser.port}` });
    expect(detour.wayOf("theirs", got[0]!.port)).toBeUndefined();
    agent.send("to the browser", got[0]!.port, "127.0.0.1");
    await expect.poll(() => browser.heard.map(String)).toEqual(["to the browser"]);
    browser.send(Buffer.from("media"));
    await expect.poll(() => got.map(({ packet }) => packet.length)).toEqual([got[0]!.packet.length, 5]);
  });

  it("does the same by TCP, however the packets are cut", async () => {
    const socket = connect(detour.port, "127.0.0.1");
    open.push({ close: () => socket.destroy() });
    const heard: Buffer[] = [];
    socket.on("data", (data) => heard.push(data));
    const bytes = Buffer.concat([framed(check("mine")), framed(Buffer.from("media"))]);
    socket.write(bytes.subarray(0, 33));
    await once(socket, "connect");
    socket.write(bytes.subarray(33));
    await expect.poll(() => got.length).toBe(2);
    expect(detour.wayOf("mine", got[0]!.port)?.tcp).toBe(true);
    agent.send("to the browser", got[0]!.port, "127.0.0.1");
    await expect.poll(() => Buffer.concat(heard).toString("latin1")).toBe("\0\u000eto the browser");
  });

  it("passes nothing on for strangers, and hangs up on them", async () => {
    const browser = await udp();
    browser.send(Buffer.from("media of nobody"));
    browser.send(check("theirs"));
    browser.send(check("mine", "guessed"));
    const socket = connect(detour.port, "127.0.0.1");
    socket.write(framed(check("mine", "guessed")));
    await once(socket, "close");
    const giant = connect(detour.port, "127.0.0.1");
    giant.write(Buffer.from([0xff, 0xff, 0]));
    await once(giant, "close");
    browser.send(check("mine"));
    await expect.poll(() => got.length).toBe(1);
  });

  it("forgets a connection that is over", async () => {
    const browser = await udp();
    browser.send(check("mine"));
    await expect.poll(() => got.length).toBe(1);
    detour.remove("mine");
    browser.send(check("mine"));
    browser.send(Buffer.from("media"));
    detour.add({ fragment: "next", password: PASSWORD, address: "127.0.0.1", port: agent.address().port });
    browser.send(check("next"));
    await expect.poll(() => got.length).toBe(2);
    expect(got[1]!.packet.includes("next")).toBe(true);
  });

  it("bounds how many addresses one connection may have", async () => {
    for (let i = 0; i < 20; i++) (await udp()).send(check("mine"));
    await expect.poll(() => got.length).toBe(16);
  });
});
