// The whole gateway, called by a scripted peer whose telephone events have two clocks (RFC 4733 section 2.1, RFC 7587).
import type { Socket } from "node:dgram";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { Running } from "../../../../src/app/start.ts";
import { parseSdp } from "../../../../src/wire/sdp/index.ts";
import { bound, described, ScriptedPeer, startGateway } from "../scripted-peer.ts";

let gateway: Running & { readonly sipPort: number };
let peer: ScriptedPeer;
let media: Socket;

beforeAll(async () => {
  gateway = await startGateway(9, "23400-23499");
  media = await bound();
});
afterAll(async () => {
  peer?.close();
  media?.close();
  await gateway?.stop();
});
afterEach(() => peer?.leave());

interface Party {
  readonly hand?: boolean;
  readonly state: string;
}
async function parties(): Promise<Party[]> {
  const answer = await fetch(`http://127.0.0.1:${gateway.webPort}/api/v1/meetings/open/participants`, {
    headers: { authorization: "Bearer for-this-test-only" },
  });
  return (await answer.json()) as Party[];
}

let sequence = 100;
/** Presses a key for 100 ms, by events of that clock; lost is every second packet. */
function press(port: number, event: number, rate: number, payloadType: number): void {
  const timestamp = ++sequence * 48_000;
  for (let packet = 1; packet <= 8; packet++) {
    const rtp = Buffer.alloc(16);
    rtp[0] = 0x80;
    rtp[1] = payloadType | (packet === 1 ? 0x80 : 0);
    rtp.writeUInt16BE(++sequence & 0xffff, 2);
    rtp.writeUInt32BE(timestamp >>> 0, 4);
    rtp.writeUInt32BE(0x1234, 8);
    rtp[12] = event;
    rtp[13] = (packet > 5 ? 0x80 : 0) | 10;
    rtp.writeUInt16BE(Math.min(packet, 5) * (rate / 50), 14);
    if (packet % 2 === 1 || packet > 5) media.send(rtp, port, "127.0.0.1");
  }
}

const STAR = 10;
const formats = "96 110 101";
const lines = ["a=rtpmap:96 opus/48000/2", "a=rtpmap:110 telephone-event/48000"];
const port = () => media.address().port;

/** Opus and both kinds of events, under the payload types of their offer. */
function answerTo(offer: Buffer): string {
  const taken = parseSdp(offer.toString()).media[0]!.formats.filter(({ codec }) => codec === "opus" || codec === "telephone-event");
  const answer = described({ port: port(), formats: taken.map(({ payloadType }) => payloadType).join(" ") });
  const maps = taken.map(
    ({ payloadType, codec, clockRate }) => `a=rtpmap:${payloadType} ${codec}/${clockRate}${codec === "opus" ? "/2" : ""}\r\n`,
  );
  return `${answer.replace("a=rtpmap:101 telephone-event/8000\r\n", "")}${maps.join("")}`;
}

it.each([
  ["an offer of theirs", 48_000],
  ["an offer of theirs", 8000],
  ["an offer of ours", 48_000],
  ["an offer of ours", 8000],
] as const)("after %s keys are heard at %d Hz, once each", async (whose, rate) => {
  peer = await ScriptedPeer.open(gateway.sipPort);
  const ours = whose === "an offer of ours";
  const ok = await peer.call(ours ? "" : described({ port: port(), formats, lines }));
  let said = ok.body;
  if (ours) {
    peer.ack(ok, answerTo(ok.body));
    // it has offered SRTP, which is declined: once more without (a new media session, and so a new port)
    const again = await peer.request("INVITE");
    said = again.body;
    peer.answer(again, 200, { body: answerTo(again.body) });
  }
  const line = parseSdp(said.toString()).media[0]!;
  const events = line.formats.filter(({ codec }) => codec === "telephone-event");
  expect(new Set(events.map(({ clockRate }) => clockRate))).toEqual(new Set([48_000, 8000]));
  const types = new Map(events.map(({ clockRate, payloadType }) => [clockRate, payloadType]));
  await expect.poll(async () => (await parties()).map(({ state }) => state), { timeout: 8000 }).toEqual(["joined"]);
  for (const wanted of [true, false]) {
    press(line.port, STAR, rate, types.get(rate)!);
    await new Promise((resolve) => setTimeout(resolve, 200));
    press(line.port, 3, rate, types.get(rate)!);
    await expect.poll(async () => (await parties()).map(({ hand }) => hand), { timeout: 4000 }).toEqual([wanted]);
  }
});
