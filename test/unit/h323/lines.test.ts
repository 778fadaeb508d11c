import { describe, expect, it } from "vitest";
import { commonVideo, composeH264, type LocalCapabilities, readH264, type VideoFormat } from "../../../src/h323/index.ts";
import { decodeControl, encodeControl } from "../../../src/wire/h245/index.ts";
import { callConfig, eventsOf, mediaOf, Pair } from "../../support/h323-pair.ts";

const H264: VideoFormat = { codec: "H264", profile: "baseline", level: 31, maxBitrate: 2_000_000, packetization: [0, 1], payloadType: 97 };
const able = (more: Partial<LocalCapabilities> = {}): { capabilities: LocalCapabilities } => ({
  capabilities: {
    audio: [{ codec: "PCMU", maxPtime: 20 }],
    telephoneEvent: 101,
    userInput: ["alphanumeric"],
    video: [H264],
    content: [{ ...H264, level: 40, payloadType: 98 }],
    camera: 126,
    ...more,
  },
});
const lines = (host: string, port: number) => ({
  ...mediaOf(host, port),
  video: mediaOf(host, port + 2),
  content: mediaOf(host, port + 4),
  camera: mediaOf(host, port + 6),
});

/** Two ends with pictures, their payload types of their own. */
function active(style = {}, a = able(), b = able({ video: [{ ...H264, payloadType: 109 }], camera: 100 })): Pair {
  const pair = new Pair(callConfig("a", style, a), callConfig("b", style, b));
  pair.onB = (event, machine, now) => {
    if (event.type !== "incoming") return;
    machine.setMedia(lines(pair.b.host, 6004), now);
    machine.answer(now);
  };
  pair.a.machine.setMedia(lines(pair.a.host, 5004), 0);
  pair.a.machine.start({ aliases: [{ dialledDigits: "200" }] }, 0);
  return pair.run(4000);
}
const last = (pair: Pair, end: "a" | "b", type: "transmit" | "receive", line: string) =>
  eventsOf(pair[end].events, type).findLast((event) => event.line === line);

describe("pictures between two machines", () => {
  it.each([
    { fastStart: true, tunnelling: true },
    { fastStart: false, tunnelling: true },
    { fastStart: true, tunnelling: false },
    { fastStart: false, tunnelling: false },
  ])("go both ways, each line to its own port, on one payload type: %o", (style) => {
    const pair = active(style);
    for (const [end, other, port] of [
      ["a", pair.b, 6006],
      ["b", pair.a, 5006],
    ] as const) {
      expect(last(pair, end, "transmit", "video")).toMatchObject({
        rtp: { host: other.host, port },
        format: { codec: "H264", profile: "baseline", level: 31, maxBitrate: 2_000_000, packetization: [0, 1] },
      });
      expect(last(pair, end, "receive", "video")?.format).toMatchObject({ codec: "H264", packetization: [1] });
      expect(last(pair, end, "transmit", "camera")).toMatchObject({ rtp: { port: port + 4 }, format: { codec: "H224" } });
    }
    const types = ["a", "b"].flatMap((end) =>
      (["transmit", "receive"] as const).map((way) => last(pair, end as "a", way, "video")?.format.payloadType),
    );
    expect(new Set(types).size, types.join()).toBe(1);
    // Nobody presents: the presentation has no channel.
    expect(last(pair, "a", "transmit", "content")).toBeUndefined();
  });

  it("an end without pictures is called as ever", () => {
    const pair = active({}, able(), able({ video: [], content: [] }));
    expect(eventsOf(pair.a.events, "transmit").map((e) => e.line)).toEqual(["audio", "camera"]);
    expect(eventsOf(pair.a.events, "transmit-refused")).toEqual([]);
    expect(pair.a.machine.state).toBe("active");
  });

  it("a key frame is asked for, and a limit set, on the line it concerns", () => {
    const pair = active();
    pair.do((p) => p.a.machine.control((c) => c.fastUpdate("video"), p.now));
    expect(eventsOf(pair.b.events, "fast-update")).toEqual([{ type: "fast-update", line: "video" }]);
    pair.do((p) => p.b.machine.control((c) => c.limitLine("video", 512_000), p.now));
    expect(eventsOf(pair.a.events, "flow-control")).toEqual([{ type: "flow-control", line: "video", bitsPerSecond: 512_000 }]);
    pair.do((p) => p.b.machine.control((c) => c.limitLine("video", undefined), p.now));
    expect(eventsOf(pair.a.events, "flow-control").at(-1)).toMatchObject({ line: "video", bitsPerSecond: undefined });
    pair.do((p) => p.a.machine.control((c) => c.fastUpdate("content"), p.now));
    expect(eventsOf(pair.b.events, "fast-update")).toHaveLength(1);
  });

  it("a picture is closed alone, and hold closes and resume opens them all", () => {
    const pair = active();
    pair.do((p) => p.b.machine.control((c) => c.closeLine("video", p.now), p.now));
    expect(eventsOf(pair.b.events, "transmit-closed")).toMatchObject([{ line: "video" }]);
    expect(eventsOf(pair.b.events, "receive-closed").map((e) => e.line)).toEqual(["video"]);
    const held = active();
    const before = eventsOf(held.b.events, "transmit").length;
    held.do((p) => p.a.machine.control((c) => c.hold(p.now), p.now));
    expect(
      eventsOf(held.b.events, "transmit-closed")
        .map((e) => e.line)
        .sort(),
    ).toEqual(["audio", "camera", "video"]);
    held.do((p) => p.a.machine.control((c) => c.resume(p.now), p.now));
    expect(eventsOf(held.b.events, "transmit").length).toBe(before + 3);
  });

  it("a picture that is refused as soon as it comes stays closed, whatever is under way, until its media are set anew", () => {
    const [a, b] = [able(), able({ video: [{ ...H264, payloadType: 109 }], camera: 100 })];
    const pair = new Pair(callConfig("a", {}, a), callConfig("b", {}, b));
    pair.onB = (event, machine, now) => {
      if (event.type === "incoming") {
        machine.setMedia(lines(pair.b.host, 6004), now);
        machine.answer(now);
      } else if ((event.type === "receive" || event.type === "transmit") && event.line === "video")
        machine.control((control) => control.closeLine("video", now), now);
    };
    pair.a.machine.setMedia(lines(pair.a.host, 5004), 0);
    pair.a.machine.start({ aliases: [{ dialledDigits: "200" }] }, 0);
    pair.run(6000);
    const open = (end: "a" | "b", way: "transmit" | "receive") => {
      const of = (type: "transmit" | "receive" | "transmit-closed" | "receive-closed") =>
        eventsOf(pair[end].events, type).filter(({ line }) => line === "video").length;
      return of(way) - of(`${way}-closed`);
    };
    expect([open("a", "transmit"), open("a", "receive"), open("b", "transmit"), open("b", "receive")]).toEqual([0, 0, 0, 0]);
    expect(last(pair, "b", "transmit", "camera")).toBeDefined();
    pair.onB = () => {};
    // new capabilities of the peer's bring nothing back that we do not want
    pair.do((p) => p.a.machine.control((c) => c.changeCapabilities(able().capabilities, p.now), p.now), 3000);
    expect([open("b", "transmit"), open("b", "receive")]).toEqual([0, 0]);
    pair.do((p) => p.b.machine.setMedia(lines(p.b.host, 6004), p.now), 3000);
    expect(open("b", "transmit")).toBe(1);
  });

  it("pictures that come into a call that is up", () => {
    const audioOnly = able({ video: [], content: [] });
    const pair = active({}, audioOnly);
    expect(last(pair, "b", "transmit", "video")).toBeUndefined();
    pair.do((p) => {
      p.a.machine.setMedia(lines(p.a.host, 5004), p.now);
      p.a.machine.control((c) => c.changeCapabilities(able().capabilities, p.now), p.now);
    }, 3000);
    expect(last(pair, "b", "transmit", "video")).toMatchObject({ rtp: { port: 5006 } });
    expect(last(pair, "a", "transmit", "video")).toMatchObject({ rtp: { port: 6006 } });
  });
});

describe("H.239", () => {
  it("one end asks, is granted, shows its screen in a channel of its own, and ends", () => {
    const pair = active();
    pair.do((p) => p.a.machine.control((c) => c.requestPresentation(p.now), p.now));
    expect(eventsOf(pair.b.events, "presentation-wanted")).toHaveLength(1);
    expect(last(pair, "a", "transmit", "content")).toBeUndefined();
    pair.do((p) => p.b.machine.control((c) => c.grantPresentation(p.now), p.now));
    expect(eventsOf(pair.a.events, "presentation-answered")).toMatchObject([{ granted: true }]);
    expect(last(pair, "a", "transmit", "content")).toMatchObject({ rtp: { port: 6008 }, format: { level: 40, payloadType: 98 } });
    expect(last(pair, "b", "receive", "content")).toMatchObject({ format: { payloadType: 98 } });
    pair.do((p) => p.a.machine.control((c) => c.requestFlowRelease(1_000_000), p.now));
    expect(eventsOf(pair.a.events, "flow-release-answered")).toMatchObject([{ accepted: true }]);
    pair.do((p) => p.a.machine.control((c) => c.releasePresentation(p.now), p.now));
    expect(eventsOf(pair.b.events, "presentation-over")).toHaveLength(1);
    expect(eventsOf(pair.b.events, "receive-closed")).toMatchObject([{ line: "content" }]);
  });

  it("is denied, or goes unanswered: nothing is opened", () => {
    const pair = active();
    pair.do((p) => p.a.machine.control((c) => c.requestPresentation(p.now), p.now));
    pair.do((p) => p.b.machine.control((c) => c.denyPresentation(), p.now));
    expect(eventsOf(pair.a.events, "presentation-answered")).toMatchObject([{ granted: false }]);
    pair.do((p) => p.a.machine.control((c) => c.requestPresentation(p.now), p.now), 6000);
    expect(eventsOf(pair.a.events, "presentation-answered")).toHaveLength(2);
    expect(last(pair, "a", "transmit", "content")).toBeUndefined();
  });

  it("who asks later takes over", () => {
    const pair = active();
    pair.do((p) => p.a.machine.control((c) => c.requestPresentation(p.now), p.now));
    pair.do((p) => p.b.machine.control((c) => c.grantPresentation(p.now), p.now));
    pair.do((p) => p.b.machine.control((c) => c.requestPresentation(p.now), p.now));
    pair.do((p) => p.a.machine.control((c) => c.grantPresentation(p.now), p.now));
    expect(eventsOf(pair.a.events, "transmit-closed")).toMatchObject([{ line: "content" }]);
    expect(last(pair, "b", "transmit", "content")).toMatchObject({ rtp: { port: 5008 } });
    expect([pair.a, pair.b].map((end) => end.machine.dump.control.presenting)).toEqual(["peer", "us"]);
  });

  it("both at once: one of them is asked", () => {
    const pair = active();
    pair.do((p) => {
      for (const end of [p.a, p.b]) end.machine.control((c) => c.requestPresentation(p.now), p.now);
    });
    const wanted = [pair.a, pair.b].map((end) => eventsOf(end.events, "presentation-wanted").length);
    expect(wanted.sort()).toEqual([0, 1]);
  });

  it("a screen without the token is refused", () => {
    const pair = active();
    const before = pair.b.sent.length;
    pair.do((p) => {
      p.b.machine.control(
        (c) =>
          c.handle(
            decodeControl(
              encodeControl({
                request: {
                  openLogicalChannel: {
                    forwardLogicalChannelNumber: 77,
                    forwardLogicalChannelParameters: {
                      dataType: {
                        videoData: {
                          extendedVideoCapability: {
                            videoCapability: [composeH264(H264)],
                            videoCapabilityExtension: [{ capabilityIdentifier: { standard: "0.0.8.239.1.2" } }],
                          },
                        },
                      },
                      multiplexParameters: { h2250LogicalChannelParameters: { sessionID: 0 } },
                    },
                  },
                },
              }),
            ),
            p.now,
          ),
        p.now,
      );
    });
    expect(pair.b.sent.slice(before).join()).toContain("openLogicalChannelReject");
    expect(eventsOf(pair.b.events, "receive").map((e) => e.line)).not.toContain("content");
  });
});

describe("H.264 in H.245 (H.241)", () => {
  it.each([
    { ...H264, payloadType: undefined, packetization: [0] },
    { codec: "H264", profile: "high", level: 40, maxBitrate: 4_000_000, packetization: [0], maxMbps: 245_000, maxFs: 8192 },
    { codec: "H264", profile: "main", level: 9, maxBitrate: 128_000, packetization: [0] },
    { codec: "H264", profile: "extended", level: 52, maxBitrate: 64_000, packetization: [0] },
  ] as VideoFormat[])("is what it was: %o", (format) => {
    const { payloadType: _, ...said } = format;
    expect(readH264(composeH264(format))).toEqual(said);
  });
  it("parameters are those of the Recommendation", () => {
    expect(composeH264(H264).genericVideoCapability).toEqual({
      capabilityIdentifier: { standard: "0.0.8.241.0.0.1" },
      maxBitRate: 20_000,
      collapsing: [
        { parameterIdentifier: { standard: 41 }, parameterValue: { booleanArray: 64 } },
        { parameterIdentifier: { standard: 42 }, parameterValue: { unsignedMin: 71 } },
      ],
    });
  });
  it("what both can is the lesser of both", () => {
    const theirs: VideoFormat = { ...H264, level: 22, maxBitrate: 768_000, packetization: [0] };
    expect(commonVideo([H264], [theirs])).toMatchObject({ level: 22, maxBitrate: 768_000, packetization: [0] });
    expect(commonVideo([H264], [{ ...theirs, profile: "high" }])).toBeUndefined();
    expect(commonVideo([{ ...H264, level: 11 }], [{ ...theirs, level: 9 }])).toMatchObject({ level: 9 });
  });
});

describe("generic audio", () => {
  const only = (codec: "opus" | "G7221", payloadType: number, bitrate?: number) => ({
    capabilities: {
      audio: [{ codec, maxPtime: 20, payloadType, ...(bitrate === undefined ? {} : { bitrate }) }],
      telephoneEvent: undefined,
      userInput: [],
    },
  });
  it.each([true, false])("Opus and G.722.1 are agreed with their payload type, fast start %s", (fastStart) => {
    for (const codec of ["opus", "G7221"] as const) {
      const pair = new Pair(callConfig("a", { fastStart }, only(codec, 96)), callConfig("b", { fastStart }, only(codec, 111))).call().run();
      for (const end of ["a", "b"] as const)
        expect(last(pair, end, "transmit", "audio")?.format, codec).toMatchObject({ codec, payloadType: expect.any(Number) });
    }
  });
  it("G.722.1 of two rates is two codecs", () => {
    const pair = new Pair(callConfig("a", {}, only("G7221", 96, 24_000)), callConfig("b", {}, only("G7221", 96, 32_000))).call().run();
    expect(eventsOf(pair.a.events, "transmit")).toEqual([]);
  });
});
