import { describe, expect, test } from "vitest";
import { agreement, type Endpoint, h264, PPS, SPS, TestRelay, vp8 } from "./helpers.ts";

/** 320x180, High and Main, as x264 makes them. */
const HIGH = Buffer.from("6764000cacb202833f3e0220000003002000000303c1e28549", "hex");
const MAIN = Buffer.from("674d400cd901419f9f0110000003001000000301e0f142a480", "hex");

const high = (type: number) => h264({ sendPayloadType: type, receivePayloadType: type, profileLevelId: "640028" });

function key(sender: Endpoint, sps: Buffer): void {
  sender.timestamp += 3000;
  for (const set of [sps, PPS]) sender.payload(set);
  sender.payload(Buffer.from([0x65, 0x88, ...new Uint8Array(100).fill(sender.port)]), true);
}

const types = (endpoint: Endpoint) => [...new Set(endpoint.take().map(({ payloadType }) => payloadType))];
const told = (endpoint: Endpoint) => endpoint.events.filter(([event]) => event === "unsuited").map(([, picture]) => picture);

describe("H.264 profiles", () => {
  test("a High picture goes to who agreed on High, under its payload type, and not to who agreed on Baseline", () => {
    const relay = new TestRelay();
    const sender = relay.participant("high", { codecs: [high(96)] });
    const both = relay.participant("both", { codecs: [h264({ sendPayloadType: 97, receivePayloadType: 97 }), high(98)] });
    const baseline = relay.participant("baseline");
    relay.engine.speaker("m", "high", relay.now);
    key(sender, HIGH);
    relay.advance(20);
    key(sender, HIGH);
    expect(types(both)).toEqual([98]);
    expect(types(baseline)).toEqual([]);
    expect(told(baseline)).toEqual([{ participantId: "high", stream: "camera", codec: "H.264 High" }]);
    // Baseline is decoded by all, the High room among them
    relay.engine.speaker("m", "baseline", relay.now);
    key(baseline, SPS);
    expect(types(both)).toEqual([97]);
    expect(types(sender)).toEqual([96]);
  });

  test("who has offered High decodes it, though Baseline alone was answered", () => {
    const relay = new TestRelay();
    const sender = relay.participant("high", { codecs: [high(96)] });
    const viewer = relay.participant("viewer", { codecs: [h264({ decodes: ["640028"] })] });
    relay.engine.speaker("m", "high", relay.now);
    key(sender, HIGH);
    expect(types(viewer)).toEqual([96]);
    key(sender, MAIN);
    expect(types(viewer)).toEqual([96]);
    expect(told(viewer)).toEqual([]);
  });

  test("a sender that breaks its word is found out by its parameter sets; not a packet of it is sent on, and who suits is shown instead", () => {
    const relay = new TestRelay();
    const [liar, honest] = [relay.participant("liar"), relay.participant("honest")];
    const viewer = relay.participant("viewer");
    relay.engine.speaker("m", "liar", relay.now);
    key(liar, MAIN);
    expect(viewer.take()).toEqual([]);
    relay.advance(20);
    key(honest, SPS);
    expect(new Set(viewer.take().map(({ payload }) => payload.at(-1)))).toContain(honest.port & 0xff);
    expect(told(viewer)).toEqual([{ participantId: "liar", stream: "camera", codec: "H.264 Main" }]);
    // in mid-stream, too: the sender turns to what it said, and away again
    key(liar, SPS);
    relay.advance(20);
    key(liar, SPS);
    expect(new Set(viewer.take().map(({ payload }) => payload.at(-1)))).toContain(liar.port & 0xff);
    expect(told(viewer).at(-1)).toBeNull();
    key(liar, HIGH);
    expect(viewer.take()).toEqual([]);
  });

  test("of who says nothing of profiles nothing is asked, and codecs that do not match are told likewise", () => {
    const relay = new TestRelay();
    const { profileLevelId, ...silent } = h264();
    const sender = relay.participant("high", { codecs: [high(96)] });
    const sfu = relay.participant("sfu", { codecs: [silent] });
    const room = relay.participant("room");
    const page = relay.participant("page", { codecs: [vp8()] });
    relay.engine.speaker("m", "high", relay.now);
    key(sender, HIGH);
    expect(types(sfu)).toEqual([96]);
    relay.engine.speaker("m", "page", relay.now);
    expect(told(page).at(-1)).toEqual({ participantId: "high", stream: "camera", codec: "H.264 High" });
    expect(told(room).at(-1)).toEqual({ participantId: "page", stream: "camera", codec: "VP8" });
    // who is sent nothing misses nothing
    relay.engine.configure("room", agreement(room.port, { direction: "recvonly" }), relay.now);
    expect(told(room).at(-1)).toBeNull();
  });
});
