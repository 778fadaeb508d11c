// The whole gateway, called by scripted peers: what it offers and answers in mid-call.
import type { Socket } from "node:dgram";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Running } from "../../../../src/app/start.ts";
import { cryptoOf, generateKeying, readCrypto, SRTP_SUITES, type SrtpKeying, SrtpReceiver } from "../../../../src/srtp/index.ts";
import { formatCrypto, parseSdp, type SdpMedia } from "../../../../src/wire/sdp/index.ts";
import { bound, described, ScriptedPeer, startGateway } from "../scripted-peer.ts";

let gateway: Running & { readonly sipPort: number };
let callee: ScriptedPeer;
let peer: ScriptedPeer;
let media: Socket;
const packets: Buffer[] = [];

beforeAll(async () => {
  const socket = await bound();
  gateway = await startGateway(socket.address().port, "23200-23299");
  callee = await ScriptedPeer.open(gateway.sipPort, socket);
  media = await bound();
  media.on("message", (data) => packets.push(Buffer.from(data)));
});
afterAll(async () => {
  callee?.close();
  media?.close();
  await gateway?.stop();
});
afterEach(async () => {
  await peer?.leave();
  await callee.leave();
});

const mediaPort = () => media.address().port;
const audio = (response: { readonly body: Buffer }): SdpMedia => parseSdp(response.body.toString()).media[0]!;
const codecs = (line: SdpMedia) => line.formats.map(({ payloadType }) => payloadType);
const keyed = (key: SrtpKeying, tag: number) => [`a=crypto:${formatCrypto(cryptoOf(key, { tag }))}`];
const suite = SRTP_SUITES.AES_CM_128_HMAC_SHA1_80;

async function called(body: string, headers: readonly string[] = []) {
  peer = await ScriptedPeer.open(gateway.sipPort);
  return peer.call(body, headers);
}

/** Has the gateway call the scripted peer; resolves with its INVITE. */
async function dialled() {
  void fetch(`http://127.0.0.1:${gateway.webPort}/api/v1/calls`, {
    method: "POST",
    headers: { authorization: "Bearer for-this-test-only", "content-type": "application/json" },
    body: JSON.stringify({ meetingId: "open", uri: "sip:room@127.0.0.1", trunk: "peer" }),
  }).catch(() => undefined);
  const invite = await callee.request("INVITE");
  callee.take(invite);
  return invite;
}

/** Media come. */
async function flows(): Promise<void> {
  packets.length = 0;
  await expect.poll(() => packets.length, { timeout: 5000 }).toBeGreaterThan(8);
}

/** Decrypts what comes from now on; resolves with whether five packets in a row were authentic. */
async function hears(key: SrtpKeying): Promise<boolean> {
  await flows();
  const receiver = new SrtpReceiver(key);
  const results = packets
    .splice(0)
    .filter((packet) => packet.length > 100)
    .slice(-5)
    .map((packet) => receiver.unprotectRtp(packet, packet));
  receiver.close();
  return results.length === 5 && results.every((length) => length > 0);
}

describe("a re-INVITE without offer (RFC 3261 section 14.2, RFC 6337 sections 5.1 and 5.3)", () => {
  it.each([
    ["inactive", described({ version: 2, lines: ["a=inactive"] })],
    ["sendonly", described({ version: 2, lines: ["a=sendonly"] })],
    ["c=0.0.0.0", described({ version: 2, address: "0.0.0.0" })],
    ["inactive, by UPDATE", described({ version: 2, lines: ["a=inactive"] })],
  ])("after a hold by %s is answered with all we can do, sendrecv", async (how, hold) => {
    await called(described({ port: mediaPort(), formats: "0 8 101" }));
    const held = how.includes("UPDATE") ? await peer.update(hold) : await peer.reinvite(hold);
    expect(held.status).toBe(200);
    expect(audio(held).direction).not.toBe("sendrecv");
    const offer = await peer.reinvite("", described({ port: mediaPort(), version: 3, formats: "8 101" }));
    const line = audio(offer);
    expect(line.direction).toBe("sendrecv");
    expect(codecs(line)).toEqual(expect.arrayContaining([0, 8, 9]));
    expect(codecs(line)[0]).toBe(0);
    await flows();
    // in the codec of the answer
    expect(packets.at(-1)![1]! & 0x7f).toBe(8);
  });

  it("in an SRTP call offers the key in force, and takes the new one of the ACK (RFC 4568 section 7.1.4)", async () => {
    const [first, second, third] = [generateKeying(suite), generateKeying(suite), generateKeying(SRTP_SUITES.AEAD_AES_256_GCM)];
    const protocol = "RTP/SAVP";
    const answer = await called(described({ port: mediaPort(), protocol, lines: keyed(first, 4) }));
    const ours = readCrypto(audio(answer).crypto[0]!);
    if (!ours.usable) throw new Error(ours.reason);
    expect(await hears(ours.keying)).toBe(true);
    await peer.reinvite(described({ version: 2, protocol, lines: [...keyed(first, 4), "a=inactive"] }));
    peer.send("INVITE");
    const offer = await peer.response("INVITE");
    const line = audio(offer);
    expect(line).toMatchObject({ protocol, direction: "sendrecv" });
    expect(line.crypto.length).toBeGreaterThan(3);
    const offered = line.crypto.find((one) => one.suite === suite.name)!;
    expect(readCrypto(offered)).toMatchObject({ keying: { masterKey: ours.keying.masterKey } });
    peer.ack(offer, described({ port: mediaPort(), version: 3, protocol, lines: keyed(second, offered.tag) }));
    expect(await hears(ours.keying)).toBe(true);
    // once more, with another suite
    peer.send("INVITE");
    const again = await peer.response("INVITE");
    const strongest = audio(again).crypto.find((one) => one.suite === "AEAD_AES_256_GCM")!;
    peer.ack(again, described({ port: mediaPort(), version: 4, protocol, lines: keyed(third, strongest.tag) }));
    const told = readCrypto(strongest);
    expect(told.usable && (await hears(told.keying))).toBe(true);
  });
});

describe("a re-INVITE without offer in a call with audio alone (RFC 3261 section 14.2, RFC 3264 sections 6 and 8)", () => {
  const lines = (response: { readonly body: Buffer }) => parseSdp(response.body.toString()).media;
  const kinds = (response: { readonly body: Buffer }) => lines(response).map(({ kind }) => kind);
  const off = (offered: readonly SdpMedia[]) =>
    offered.map(({ kind, protocol, formatTokens }) => `m=${kind} 0 ${protocol} ${formatTokens.join(" ")}`);
  const version = (response: { readonly body: Buffer }) => BigInt(parseSdp(response.body.toString()).origin.version);

  it("is offered every media section that a new call is offered", async () => {
    const offered = await called("");
    const wanted = kinds(offered);
    expect(wanted.length).toBe(5);
    peer.ack(offered, described({ port: mediaPort(), after: off(lines(offered).slice(1)) }));
    await peer.leave();
    await called(described({ port: mediaPort() }));
    const offer = await peer.reinvite("", described({ port: mediaPort(), version: 2, after: off(lines(offered).slice(1)) }));
    expect(kinds(offer)).toEqual(wanted);
    expect(lines(offer).every(({ port }) => port > 0)).toBe(true);
    // refused lines are off in what we answer, and offered once more when they ask again
    const answer = await peer.reinvite(described({ port: mediaPort(), version: 3, after: off(lines(offered).slice(1)) }));
    expect(lines(answer).map(({ port }) => port > 0)).toEqual([true, false, false, false, false]);
    const again = await peer.reinvite("", described({ port: mediaPort(), version: 4, after: off(lines(offered).slice(1)) }));
    expect(kinds(again)).toEqual(wanted);
    expect(lines(again).every(({ port }) => port > 0)).toBe(true);
    await flows();
  });

  it.each([
    ["no answer", () => ""],
    ["what is no description", () => "v=0\r\nnonsense\r\n"],
    ["an answer that refuses the audio", (rest: string[]) => described({ port: 0, version: 2, after: rest })],
    ["an answer without the audio", (rest: string[]) => described({ port: 0, version: 2, after: rest }).replace(/m=audio.*\r\n/, "")],
  ])("goes on as it was where the ACK has %s", async (_, answer) => {
    const first = await called(described({ port: mediaPort() }));
    const offer = await peer.reinvite("", answer(off(lines(first).slice(1))));
    expect(lines(offer).length).toBe(5);
    await flows();
    const changed = await peer.reinvite(described({ port: mediaPort(), version: 3, formats: "0 101" }));
    expect(changed.status).toBe(200);
    expect(kinds(changed)).toEqual(["audio"]);
    expect(version(changed)).toBeGreaterThan(version(offer));
    const later = await peer.reinvite("", described({ port: mediaPort(), version: 4, after: off(lines(offer).slice(1)) }));
    expect(lines(later).length).toBe(5);
    await flows();
  });

  it.each([
    ["fewer", [] as string[]],
    [
      "more",
      [
        "m=video 0 RTP/AVP 96",
        "m=video 0 RTP/AVP 96",
        "m=application 0 UDP/BFCP *",
        "m=application 0 RTP/AVP 97",
        "m=text 5000 RTP/AVP 98",
        "m=text 5002 RTP/AVP 98",
      ],
    ],
  ])("takes an answer with %s media sections for the audio it has", async (_, rest) => {
    await called(described({ port: mediaPort(), formats: "0 8 101" }));
    const offer = await peer.reinvite("", described({ port: mediaPort(), version: 2, formats: "8 101", after: rest }));
    expect(lines(offer).length).toBe(5);
    await flows();
    expect(packets.at(-1)![1]! & 0x7f).toBe(8);
    const five = described({ port: mediaPort(), version: 3, formats: "8 101", after: off(lines(offer).slice(1)) });
    const changed = await peer.reinvite(five);
    expect(changed.status).toBe(200);
    expect(lines(changed).map(({ port }) => port > 0)).toEqual([true, false, false, false, false]);
  });
});

describe("a refresh of theirs in a call in which we made the offer (RFC 3264 section 6, RFC 4568 section 5.1.2)", () => {
  const key = generateKeying(suite);
  const theirs = (offer: readonly SdpMedia[], version = 1) => {
    const tag = offer[0]!.crypto.find((one) => one.suite === suite.name)!.tag;
    return described({
      port: mediaPort(),
      version,
      lines: keyed(key, tag),
      after: offer.slice(1).map((line) => `m=${line.kind} 0 ${line.protocol} ${line.formatTokens.join(" ")}`),
    });
  };
  const answerOf = (body: string, response: { readonly status: number; readonly body: Buffer }, offered: readonly SdpMedia[]) => {
    expect(response.status).toBe(200);
    const [line, ...rest] = parseSdp(response.body.toString()).media;
    expect(codecs(line!)).toEqual([0, 101]);
    expect(line).toMatchObject({ rtcpMux: false, crypto: [{ tag: parseSdp(body).media[0]!.crypto[0]!.tag, suite: suite.name }] });
    expect(rest.map(({ port }) => port)).toEqual(
      parseSdp(body)
        .media.slice(1)
        .map(() => 0),
    );
    // our key stays as it was told
    const told = offered[0]!.crypto.find((one) => one.suite === suite.name)!;
    expect(line!.crypto[0]!.keys[0]!.keySalt.replaceAll("=", "")).toBe(told.keys[0]!.keySalt.replaceAll("=", ""));
  };

  it.each(["INVITE", "UPDATE"])("by %s gets an answer, in a call that came with late offer", async (method) => {
    const offer = await called("");
    const offered = parseSdp(offer.body.toString()).media;
    const body = theirs(offered);
    peer.ack(offer, body);
    await flows();
    for (const more of [body, body]) answerOf(more, method === "INVITE" ? await peer.reinvite(more) : await peer.update(more), offered);
  });

  it.each(["INVITE", "UPDATE"])("by %s gets an answer, in a call that we made", async (method) => {
    const invite = await dialled();
    const offered = parseSdp(invite.body.toString()).media;
    const body = theirs(offered);
    callee.answer(invite, 200, { body });
    await callee.request("ACK");
    await flows();
    answerOf(body, method === "INVITE" ? await callee.reinvite(body) : await callee.update(body), offered);
  });
});
