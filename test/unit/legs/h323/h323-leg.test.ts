import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DIGIT_WAYS, type DigitWay } from "../../../../src/legs/h323/description.ts";
import { H323Leg } from "../../../../src/legs/h323/h323-leg.ts";
import type { LegInfo, MediaChange } from "../../../../src/legs/leg.ts";
import type { ControlMachine } from "../../../../src/h323/index.ts";
import { type H323Endpoint, type H323Session, openH323Endpoint } from "../../../../src/io/index.ts";
import { parseSdp } from "../../../../src/wire/sdp/index.ts";

const info: LegInfo = {
  callId: "1",
  protocol: "h323",
  direction: "in",
  transport: "tcp",
  address: "127.0.0.1",
  from: "h323:a",
  to: "h323:b",
  displayName: "",
  userAgent: undefined,
};

/** A description with a camera's and a screen's line, at ports from `port`, pictures on payload type `type`. */
const sdp = (port: number, type: number, pictures = true) =>
  [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    `m=audio ${port} RTP/AVP 0 101`,
    "a=rtpmap:101 telephone-event/8000",
    ...(pictures
      ? [
          `m=video ${port + 2} RTP/AVP ${type}`,
          `a=rtpmap:${type} H264/90000`,
          `a=fmtp:${type} profile-level-id=42e01f;packetization-mode=1`,
          `m=video ${port + 4} RTP/AVP ${type}`,
          `a=rtpmap:${type} H264/90000`,
          `a=fmtp:${type} profile-level-id=42e01f;packetization-mode=1`,
          "a=content:slides",
        ]
      : []),
    "",
  ].join("\r\n");

describe("an H.323 call as a leg", () => {
  let endpoint: H323Endpoint;
  let callee: H323Leg | undefined;
  let caller: H323Leg | undefined;
  const changes: string[] = [];
  let noCommonPicture: (theirs: readonly string[]) => void = () => {};
  /** Ways of keys that the callee asks for. */
  let digits: readonly DigitWay[] = DIGIT_WAYS;
  /** What the callee's gateway answers to changes. */
  let answer = (offer: string) => offer;

  beforeEach(async () => {
    changes.length = 0;
    digits = DIGIT_WAYS;
    answer = (offer) => offer;
    endpoint = await openH323Endpoint({
      host: "127.0.0.1",
      port: 0,
      identity: { aliases: [{ "h323-ID": "test" }], displayName: "test", product: "test", version: "1" },
      capabilities: { audio: [], telephoneEvent: undefined, userInput: [] },
      onSession: (session) => {
        session.onEvent = (event) => {
          if (event.type !== "incoming") return;
          callee = new H323Leg(session, info, { digits, noCommonPicture: (theirs) => noCommonPicture(theirs) });
          callee.on("change", (change: MediaChange) => {
            changes.push(change.offer ?? "");
            void change.accept(answer(change.offer ?? ""));
          });
        };
      },
    });
  });
  afterEach(async () => {
    callee = caller = undefined;
    await endpoint.close();
  });

  let placed: Promise<string>;
  const sessions: { caller?: H323Session } = {};

  async function call(theirs = sdp(7000, 109), ours = sdp(8000, 97)): Promise<string> {
    await endpoint.call(
      endpoint.address,
      { aliases: [{ dialledDigits: "1" }] },
      {
        prepare: (session) => {
          sessions.caller = session;
          caller = new H323Leg(session, { ...info, direction: "out" });
          caller.on("change", (change: MediaChange) => void change.accept(change.offer ?? ""));
          caller.prepare(theirs);
          placed = caller.placed(() => {});
        },
      },
    );
    await expect.poll(() => callee).toBeDefined();
    const [answered] = await Promise.all([callee!.answer(ours), placed]);
    return answered;
  }
  /** The callee's view of the caller's lines, once it has them all as told. */
  const told = async (directions: readonly string[]) => {
    await expect.poll(() => parseSdp(changes.at(-1) ?? "v=0\r\n").media.map((m) => m.direction), { timeout: 4000 }).toEqual(directions);
    return parseSdp(changes.at(-1)!).media;
  };

  it("pictures are inactive in the answer and come with their channels; the screen when somebody presents", async () => {
    const first = parseSdp(await call()).media;
    // Fast connect answers before any capability is heard: keys in RTP are taken at once all the same.
    expect(first[0]?.formats.map((f) => f.codec)).toEqual(["PCMU", "telephone-event"]);
    expect(first.map((m) => [m.kind, m.content, m.port > 0])).toEqual([
      ["audio", undefined, true],
      ["video", undefined, true],
      ["video", "slides", true],
    ]);
    const [audio, video, slides] = await told(["sendrecv", "sendrecv", "inactive"]);
    expect(audio).toMatchObject({ port: 7000 });
    expect(video).toMatchObject({ port: 7002, formats: [{ codec: "H264", clockRate: 90_000 }] });
    expect(video?.formats[0]?.fmtp).toBe("profile-level-id=42e01f;packetization-mode=1");
    expect(slides).toMatchObject({ port: 9, content: "slides" });

    callee!.content.once("request", () => callee!.content.grant());
    caller!.content.announce(true);
    const [, , shown] = await told(["sendrecv", "sendrecv", "sendonly"]);
    expect(shown?.rtcp).toBeUndefined();
    caller!.content.announce(false);
    await once(callee!.content, "release");
    await told(["sendrecv", "sendrecv", "inactive"]);
  });

  it("somebody else presents: the far end is shown it, and gives up its own", async () => {
    await call();
    await told(["sendrecv", "sendrecv", "inactive"]);
    callee!.content.once("request", () => callee!.content.grant());
    caller!.content.announce(true);
    await told(["sendrecv", "sendrecv", "sendonly"]);
    caller!.content.once("request", () => caller!.content.grant());
    callee!.content.announce(true);
    const [, , slides] = await told(["sendrecv", "sendrecv", "recvonly"]);
    expect(slides).toMatchObject({ port: 7004 });
  });

  it("key frames are asked for and limits set by line", async () => {
    await call();
    await told(["sendrecv", "sendrecv", "inactive"]);
    const asked = once(caller!, "keyframe");
    callee!.requestKeyframe(1);
    expect(await asked).toEqual([1]);
    const limited = once(callee!, "bitrate");
    caller!.limitBitrate(1, 300_000);
    expect(await limited).toEqual([{ line: 1, bitsPerSecond: 300_000 }]);
    const lifted = once(callee!, "bitrate");
    caller!.limitBitrate(1, null);
    expect(await lifted).toEqual([{ line: 1, bitsPerSecond: null }]);
  });

  it("a far end with pictures of no codec of ours is told of once, by their names (H.245 B.2)", async () => {
    const told: (readonly string[])[] = [];
    noCommonPicture = (theirs) => told.push(theirs);
    const capabilities = { audio: [{ codec: "PCMU" as const, maxPtime: 20 }], telephoneEvent: undefined, userInput: [] };
    await call(sdp(7000, 109, false));
    await expect.poll(() => parseSdp(changes.at(-1) ?? "v=0\r\n").media.map((m) => m.port), { timeout: 4000 }).toEqual([7000, 0, 0]);
    expect(told).toEqual([]);
    const high = { codec: "H264" as const, profile: "high" as const, level: 31, maxBitrate: 1_000_000, packetization: [0 as const] };
    for (let i = 0; i < 2; i++) remote((control, now) => control.changeCapabilities({ ...capabilities, video: [high] }, now));
    await expect.poll(() => told).toEqual([["H.264"]]);
  });

  it("a far end without pictures has its lines rejected", async () => {
    const media = parseSdp(await call(sdp(7000, 109, false))).media;
    await expect.poll(() => parseSdp(changes.at(-1) ?? "v=0\r\n").media.map((m) => m.port), { timeout: 4000 }).toEqual([7000, 0, 0]);
    expect(media).toHaveLength(3);
  });

  it.each<{ ways: readonly DigitWay[]; signalled: boolean }>([
    { ways: ["alphanumeric", "signal", "rfc4733"], signalled: true },
    { ways: ["signal"], signalled: true },
    { ways: [], signalled: true },
    { ways: ["rfc4733"], signalled: false },
  ])("presses keys as the far end takes them: $ways", async ({ ways, signalled }) => {
    digits = ways;
    await call(sdp(7000, 109, false));
    const heard: string[] = [];
    callee!.on("dtmf", ({ digit }) => heard.push(digit));
    // What it takes is known by its capabilities; until then there is Q.931.
    await expect.poll(() => caller!.press("5")).toBe(signalled);
    heard.length = 0;
    expect([..."1#"].map((key) => caller!.press(key))).toEqual([signalled, signalled]);
    if (signalled) await expect.poll(() => heard.slice(-2)).toEqual(["1", "#"]);
  });

  it("a picture that is not taken is closed, the sound goes on", async () => {
    answer = (offer) => offer.replace(/m=video [1-9]\d*/g, "m=video 0");
    await call();
    await told(["sendrecv", "sendrecv", "inactive"]);
    await told(["sendrecv", "inactive", "inactive"]);
    expect([callee!.ended, caller!.ended]).toEqual([false, false]);
  });

  it("pictures come and go in a call that is up", async () => {
    await call(sdp(7000, 109, false));
    const audioOnly = await caller!.change(sdp(7000, 109, true));
    expect(parseSdp(audioOnly).media.map((m) => m.direction)).toEqual(["sendrecv", "inactive", "inactive"]);
    await told(["sendrecv", "sendrecv", "inactive"]);
    await caller!.change(sdp(7000, 109, false));
    await expect.poll(() => parseSdp(changes.at(-1)!).media.map((m) => m.port), { timeout: 4000 }).toEqual([7000, 0, 0]);
  });

  /** Direction and codecs of the audio, as the callee's gateway was told last. */
  const audioNow = () => {
    const [audio] = parseSdp(changes.at(-1) ?? "v=0\r\n").media;
    return audio && [audio.direction, ...audio.formats.flatMap(({ codec }) => codec ?? [])];
  };
  const remote = (action: (control: ControlMachine, now: number) => void) =>
    sessions.caller!.act((machine, now) => machine.control((control) => action(control, now), now));

  it("a flow control of nothing stops audio and pictures, a limit lets them go on (H.245 6.2.11)", async () => {
    await call();
    await told(["sendrecv", "sendrecv", "inactive"]);
    remote((control) => control.limitLine("audio", 0));
    await told(["sendonly", "sendrecv", "inactive"]);
    remote((control) => control.limitLine("video", 0));
    await told(["sendonly", "sendonly", "inactive"]);
    remote((control) => {
      control.limitLine("audio", 64_000);
      control.limitLine("video", 300_000);
    });
    await told(["sendrecv", "sendrecv", "inactive"]);
  });

  it("a channel that the far end closes is silence that it has told of, and no lack of media", async () => {
    await call(sdp(7000, 109, false));
    await expect.poll(audioNow).toBeDefined();
    remote((control) => control.hold(performance.now()));
    await expect.poll(() => audioNow()?.[0]).toBe("sendonly");
    remote((control) => control.resume(performance.now()));
    await expect.poll(() => audioNow()?.[0]).toBe("sendrecv");
    // the callee holds: the far end closes what it sends
    const held = await callee!.change(sdp(8000, 97).replace("a=rtpmap:101", "a=sendonly\r\na=rtpmap:101"));
    expect(parseSdp(held).media[0]?.direction).toBe("recvonly");
  });

  it("a mode that the far end asks for is another codec, and is told as what it is sent from now on (H.245 6.2.10)", async () => {
    const both = (port: number) => sdp(port, 97, false).replace("RTP/AVP 0 101", "RTP/AVP 0 8 101");
    const switches: (boolean | undefined)[] = [];
    await call(both(7000), both(8000));
    callee!.on("change", (change: MediaChange) => switches.push(change.switches));
    remote((control) => control.requestMode(["PCMA"], performance.now()));
    await expect.poll(() => audioNow()?.slice(0, 2)).toEqual(["sendrecv", "PCMA"]);
    expect(switches.at(-1)).toBe(true);
  });

  it("a key that comes as signal and as alphanumeric counts once, pressed twice it counts twice (H.245 6.2.14)", async () => {
    await call(sdp(7000, 109, false));
    const heard: string[] = [];
    callee!.on("dtmf", ({ digit }) => heard.push(digit));
    for (const key of "7755#")
      remote((control) => {
        control.sendDigits(key, "signal");
        control.sendDigits(key, "alphanumeric");
      });
    remote((control) => control.sendDigits("9", "alphanumeric"));
    await expect.poll(() => heard.at(-1)).toBe("9");
    expect(heard.join("")).toBe("7755#9");
  });
});
