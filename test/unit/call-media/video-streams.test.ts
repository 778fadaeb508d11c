import { beforeEach, describe, expect, it } from "vitest";
import { Pictures } from "../../../src/call-media/video-streams.ts";
import { SideLines } from "../../../src/call-media/media-sections.ts";
import { rejectLine, type SrtpContext } from "../../../src/negotiation/index.ts";
import { seatLines, seatPictures } from "../../../src/sfu/pictures.ts";
import { parseSdp, type SdpMedia, type SdpSession, writeSdp } from "../../../src/wire/sdp/index.ts";
import { FakeRelay } from "./fake-relay.ts";

const WISH = { codecs: ["H264", "VP8"] as const, profileLevelId: "42e01f", maxBitrate: 2_000_000 };
const PLAIN: SrtpContext = { policy: "preferred", transport: "udp" };
const TLS: SrtpContext = { policy: "preferred", transport: "tls" };
const H264 = ["a=rtpmap:97 H264/90000", "a=fmtp:97 profile-level-id=42e01f;packetization-mode=1"];
const KEY = `a=crypto:3 AEAD_AES_256_GCM inline:${Buffer.alloc(44, 7).toString("base64")}`;
const OTHER_KEY = `a=crypto:3 AEAD_AES_256_GCM inline:${Buffer.alloc(44, 8).toString("base64")}`;

function description(...lines: string[]): SdpSession {
  return parseSdp(
    ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 0", ...lines, ""].join("\r\n"),
  );
}

const text = (session: SdpSession, media: readonly SdpMedia[]) => writeSdp({ ...session, media });

describe("the pictures of a call", () => {
  let relay: FakeRelay;
  let pictures: Pictures;
  let sides: SideLines;
  beforeEach(() => {
    relay = new FakeRelay();
    pictures = new Pictures(relay, WISH);
    sides = new SideLines([pictures]);
  });

  it("get a line each, and each line an answer of its own", async () => {
    const offer = description(
      "m=video 5000 RTP/AVP 97",
      ...H264,
      "m=application 5070 UDP/BFCP *",
      "m=video 5002 RTP/AVP 34",
      "a=content:slides",
    );
    const answers = await sides.answer(offer, 0, PLAIN);
    expect([...answers.keys()]).toEqual([1]);
    expect(relay.lines[0]!.agreements).toMatchObject([
      { remote: { address: "192.0.2.1", port: 5000 }, srtp: null, direction: "sendrecv", codecs: [{ name: "H264" }] },
    ]);
    expect(pictures.all.map(({ role, reason, line }) => [role, reason, line?.id])).toEqual([
      ["camera", null, "line-0"],
      ["screen", "no video codec in common, H263 offered", undefined],
    ]);
  });

  it("are sent nowhere, nor reports of them, before the far end has acknowledged the call; a line let go of meanwhile stays so", async () => {
    const offer = description("m=video 5000 RTP/AVP 97", ...H264, "m=video 5002 RTP/AVP 97", ...H264, "a=content:slides");
    await sides.answer(offer, 0, { ...PLAIN, held: true });
    const known = () => relay.lines.map(({ agreements }) => agreements.map(({ remote }) => remote?.port ?? null));
    expect(known()).toEqual([[null], [null]]);
    await sides.answer(description("m=video 5000 RTP/AVP 97", ...H264, "m=video 0 RTP/AVP 97"), 0, { ...PLAIN, held: true });
    sides.acknowledged();
    sides.acknowledged();
    expect(known()).toEqual([[null, null, 5000], [null]]);
  });

  it("are protected as their own line says, whatever the audio does", async () => {
    const offer = description("m=video 5000 RTP/SAVP 97", ...H264, KEY);
    const answers = await sides.answer(offer, 0, TLS);
    expect(text(offer, [answers.get(1)!])).toMatch(/a=crypto:3 AEAD_AES_256_GCM inline:/);
    expect(relay.lines[0]!.agreements[0]!.srtp).toMatchObject({ remote: { suite: { name: "AEAD_AES_256_GCM" } } });
    expect(pictures.all[0]!.suite).toBe("AEAD_AES_256_GCM");
  });

  it("are refused where their keys came in clear, and the call is not", async () => {
    expect((await sides.answer(description("m=video 5000 RTP/SAVP 97", ...H264, KEY), 0, PLAIN)).size).toBe(0);
    expect(pictures.all[0]!.reason).toMatch(/accepted over TLS only/);
    expect(relay.lines).toHaveLength(0);
  });

  it("keep their line and keys through a later offer, and change the far end's key when it does", async () => {
    const offer = description("m=video 5000 RTP/SAVP 97", ...H264, KEY);
    const first = await sides.answer(offer, 0, TLS);
    const again = await sides.answer(offer, 0, TLS);
    expect(text(offer, [again.get(1)!])).toBe(text(offer, [first.get(1)!]));
    await sides.answer(description("m=video 5000 RTP/SAVP 97", ...H264, OTHER_KEY), 0, TLS);
    const keys = relay.lines[0]!.agreements.map(({ srtp }) => srtp!.remote);
    expect(keys[1]).toBe(keys[0]);
    expect(keys[2]).not.toBe(keys[0]);
    expect(relay.lines[0]!.agreements[2]!.srtp!.local).toBe(relay.lines[0]!.agreements[0]!.srtp!.local);
  });

  it("come with a re-INVITE, are held, go and come back", async () => {
    expect((await sides.answer(description(), 0, PLAIN)).size).toBe(0);
    const changes: unknown[] = [];
    pictures.on("changed", () => changes.push(pictures.all.map(({ line, sends, takes }) => [line !== undefined, sends, takes])));
    const video = ["m=video 5000 RTP/AVP 97", ...H264];
    await sides.answer(description(...video), 0, PLAIN);
    await sides.answer(description(...video, "a=inactive"), 0, PLAIN);
    await sides.answer(description("m=video 0 RTP/AVP 97"), 0, PLAIN);
    await sides.answer(description(...video), 0, PLAIN);
    expect(changes).toEqual([[[true, true, true]], [[true, false, false]], [[false, false, false]], [[true, true, true]]]);
    // ports of a line that is switched off are let go of
    expect(relay.lines.map(({ closed }) => closed)).toEqual([true, false]);
  });

  it("are offered with a camera and a screen, all suites over TLS, and taken as the answer says", async () => {
    const lines = await sides.offer(TLS);
    const ours: SdpSession = { ...description(), media: [description().media[0]!, ...lines] };
    const offered = writeSdp(ours);
    expect(offered).toContain("a=content:main");
    expect(offered).toContain("a=content:slides");
    expect(offered.match(/a=crypto:1 AEAD_AES_256_GCM/g)).toHaveLength(2);
    const answer = description("m=video 5000 RTP/AVP 97", ...H264, KEY.replace("crypto:3", "crypto:1"), "m=video 0 RTP/AVP 97");
    sides.answered(ours, answer, 0, TLS);
    expect(pictures.all.map(({ role, index, line, suite }) => [role, index, line?.id, suite])).toEqual([
      ["camera", 1, "line-0", "AEAD_AES_256_GCM"],
      ["screen", -1, undefined, null],
    ]);
    expect(relay.lines.map(({ closed }) => closed)).toEqual([false, true]);
    // in a later offer of ours every line keeps its place, and what they refused stays so
    const next = await sides.offer(TLS, ours);
    expect(next.map(({ kind, port }) => [kind, port])).toEqual([
      ["video", 30_000],
      ["video", 0],
    ]);
  });

  it("stay with audio where the answer has no lines for them", async () => {
    const ours: SdpSession = { ...description(), media: [description().media[0]!, ...(await sides.offer(PLAIN))] };
    sides.answered(ours, description(), 0, PLAIN);
    expect(pictures.all.every(({ line }) => line === undefined)).toBe(true);
    expect(relay.lines.map(({ closed }) => closed)).toEqual([true, true]);
  });

  it("are left out where the relay has no port, and refused lines are answered with port 0", async () => {
    relay.failure = new Error("no port is free");
    expect(await sides.offer(PLAIN)).toEqual([]);
    const offer = description("m=video 5000 RTP/AVP 97", ...H264);
    expect((await new SideLines([new Pictures(relay, WISH)]).answer(offer, 0, PLAIN)).size).toBe(0);
    expect(rejectLine(offer.media[1]!).port).toBe(0);
  });

  it("let a line go when the relay loses it, and get another with the next offer", async () => {
    const offer = description("m=video 5000 RTP/AVP 97", ...H264);
    await sides.answer(offer, 0, PLAIN);
    relay.lines[0]!.emit("gone", "the worker has ended");
    expect(pictures.all[0]).toMatchObject({ line: undefined, reason: "the video relay: the worker has ended" });
    await sides.answer(offer, 0, PLAIN);
    expect(pictures.all[0]!.line?.id).toBe("line-1");
  });

  it("close their lines with the call, also one that was being opened", async () => {
    const opening = sides.answer(description("m=video 5000 RTP/AVP 97", ...H264), 0, PLAIN);
    sides.close();
    await opening;
    await sides.answer(description("m=video 5000 RTP/AVP 97", ...H264), 0, PLAIN);
    expect(relay.lines.every(({ closed }) => closed)).toBe(true);
  });

  it("carry key frames and bit rates between signalling and relay", async () => {
    await sides.answer(description("m=video 5000 RTP/AVP 97", ...H264), 0, PLAIN);
    const asked: unknown[] = [];
    pictures.on("keyframe", (index) => asked.push(index));
    pictures.on("bitrate", (index, bits) => asked.push([index, bits]));
    relay.lines[0]!.emit("keyframe");
    relay.lines[0]!.emit("bitrate", 500_000);
    pictures.requestKeyframe(-1);
    pictures.requestKeyframe(2);
    pictures.limit(1, 300_000);
    expect(asked).toEqual([1, [1, 500_000]]);
    expect(relay.lines[0]!.done).toEqual(["key frame", "limit 300000"]);
  });
});

describe("a seat in a meeting", () => {
  const video = ["m=video 5000 RTP/AVP 97", ...H264];
  const slides = ["m=video 5002 RTP/AVP 97", ...H264, "a=content:slides"];

  async function seated(...lines: string[]) {
    const relay = new FakeRelay();
    const pictures = new Pictures(relay, WISH);
    const sides = new SideLines([pictures]);
    await sides.answer(description(...lines), 0, PLAIN);
    return { relay, pictures, sides };
  }

  it("shows the screen in the main picture where there is no line for it", async () => {
    const { pictures } = await seated(...video);
    expect(seatLines(pictures.all)).toMatchObject([{ brings: "camera", shows: { kind: "content-or-speaker" } }]);
  });

  it("shows each its own where there is one, and further speakers on further lines", async () => {
    const alt = ["m=video 5004 RTP/AVP 97", ...H264, "a=content:alt", "a=recvonly"];
    const { pictures } = await seated(...video, ...slides, ...alt, ...alt);
    expect(seatLines(pictures.all).map(({ brings, shows }) => [brings, shows])).toEqual([
      ["camera", { kind: "speaker", rank: 0 }],
      ["screen", { kind: "content" }],
      [null, { kind: "speaker", rank: 1 }],
      [null, { kind: "speaker", rank: 2 }],
    ]);
  });

  it("is arranged anew when lines change, and is left", async () => {
    const { relay, pictures, sides } = await seated(...video, ...slides);
    const seat = seatPictures(relay, "1000", "p", pictures);
    await sides.answer(description(...video, "m=video 0 RTP/AVP 97", "a=content:slides"), 0, PLAIN);
    expect(relay.seats.get("1000/p")).toMatchObject([{ shows: { kind: "content-or-speaker" } }]);
    seat.leave();
    expect(relay.seats.size).toBe(0);
    expect(pictures.listenerCount("changed")).toBe(0);
  });
});
