// The control side's logic, with stand-ins for media threads.
import { describe, expect, it } from "vitest";
import { FakeClock } from "../../support/standing-clock.ts";
import { DigitCollector } from "../../../src/media-server/control/apps/collect.ts";
import { causeOf, q850Of, sipStatusOf } from "../../../src/media-server/control/channel/causes.ts";
import { parseJoin } from "../../../src/media-server/control/conference/join-args.ts";
import { Core } from "../../../src/media-server/control/core.ts";
import { DigitQueue } from "../../../src/media-server/control/channel/digits.ts";
import { Executor, type ExecutorHost, type Runnable } from "../../../src/media-server/control/channel/executor.ts";
import { MediaPool } from "../../../src/media-server/control/media/media-pool.ts";
import { MediaNegotiation } from "../../../src/media-server/control/sip/negotiate.ts";
import { infoDigit } from "../../../src/media-server/control/sip/sip-profile.ts";
import { Variables, words } from "../../../src/media-server/control/channel/variables.ts";
import type { FromMedia, ToMedia } from "../../../src/media-server/messages.ts";
import { settingsOf } from "../../../src/media-server/options.ts";
import { SipRequest } from "../../../src/wire/sip/index.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("applications", () => {
  function host() {
    const core = new Core({ hostname: "test", address: "127.0.0.1", clock: new FakeClock(), log: () => {} });
    const log: string[] = [];
    const gates = new Map<string, () => void>();
    const channel: ExecutorHost & { isUp: boolean; endsWithApplication: boolean } = {
      uuid: "u",
      core,
      variables: new Variables(),
      isUp: true,
      endsWithApplication: false,
      fire: (name, headers) =>
        log.push(
          `${name === "CHANNEL_EXECUTE" ? "begin" : "end"} ${headers["Application"]}${name === "CHANNEL_EXECUTE" ? "" : ` ${headers["Application-Response"]}`}`,
        ),
      hangup: (cause) => {
        channel.isUp = false;
        log.push(`hangup ${cause}`);
      },
    };
    const long: Runnable<ExecutorHost> = {
      long: true,
      run: ({ arg, onBreak }) =>
        new Promise((resolve) => {
          gates.set(arg, () => resolve("done"));
          onBreak(() => resolve("broken"));
        }),
    };
    const executor = new Executor<ExecutorHost>(channel, (name) =>
      name === "long" ? long : name === "set" ? { run: () => undefined } : undefined,
    );
    return { channel, executor, log, gates };
  }

  it("nest: a command that comes while one runs is executed inside it", async () => {
    const { executor, log, gates } = host();
    executor.run({ app: "long", arg: "outer" });
    executor.run({ app: "set", arg: "a=b" });
    executor.run({ app: "long", arg: "inner" });
    await turn();
    expect(log).toEqual(["begin long", "begin set", "end set _none_", "begin long"]);
    expect(executor.depth).toBe(2);
    gates.get("inner")?.();
    gates.get("outer")?.();
    await turn();
    expect(log.slice(4)).toEqual(["end long done", "end long done"]);
  });

  it("wait their turn with event-lock", async () => {
    const { executor, log, gates } = host();
    executor.run({ app: "long", arg: "first" });
    await turn();
    executor.run({ app: "set", arg: "", locked: true });
    await turn();
    expect(log).toEqual(["begin long"]);
    gates.get("first")?.();
    await turn();
    expect(log).toEqual(["begin long", "end long done", "begin set", "end set _none_"]);
  });

  it("are broken off: the innermost, or all; and stopped for good", async () => {
    const { executor, log } = host();
    executor.run({ app: "long", arg: "outer" });
    executor.run({ app: "long", arg: "inner" });
    await turn();
    executor.break();
    await turn();
    expect(log.at(-1)).toBe("end long broken");
    expect(executor.depth).toBe(1);
    executor.stop();
    await executor.idle();
    executor.run({ app: "set", arg: "" });
    await turn();
    expect(log.filter((line) => line.startsWith("end"))).toHaveLength(2);
  });

  it("that do not exist end the call, and the last one of a transfer does", async () => {
    const first = host();
    first.executor.run({ app: "nothing", arg: "" });
    await turn();
    expect(first.log).toEqual(["hangup DESTINATION_OUT_OF_ORDER"]);
    const second = host();
    second.channel.endsWithApplication = true;
    second.executor.run({ app: "long", arg: "x" });
    await turn();
    second.gates.get("x")?.();
    await turn();
    expect(second.log.at(-1)).toBe("hangup NORMAL_CLEARING");
  });
});

describe("digits", () => {
  it("wait until somebody asks, and go to whoever is on top", () => {
    const queue = new DigitQueue();
    queue.push("1");
    const below: string[] = [];
    const stop = queue.listen((digit) => below.push(digit) > 0);
    expect(below).toEqual(["1"]);
    const above: string[] = [];
    const stopAbove = queue.listen((digit) => digit === "#" && above.push(digit) > 0);
    queue.push("2");
    queue.push("#");
    expect([below, above]).toEqual([["1", "2"], ["#"]]);
    stopAbove();
    stop();
    queue.push("3");
    expect(queue.queued).toBe("3");
  });

  it("are collected to a number, to a terminator", async () => {
    const full = new DigitCollector({ min: "1", max: "3", timeout: "50", terminators: "#" });
    for (const digit of "1234") full.push(digit);
    expect(full).toMatchObject({ digits: "123", complete: true, terminator: undefined });
    const ended = new DigitCollector({ min: "1", max: "9", timeout: "50", terminators: "#" });
    for (const digit of "12#4") ended.push(digit);
    expect(ended).toMatchObject({ digits: "12", terminator: "#" });
    const none = new DigitCollector({ min: "1", max: "9", timeout: "1", terminators: "#" });
    await none.collect(() => {});
    expect(none).toMatchObject({ timedOut: true, enough: false });
  });

  it("come by INFO in either form", () => {
    const info = (type: string, body: string) => {
      const request = new SipRequest("INFO", "sip:a@b");
      request.setBody(body, type);
      return infoDigit(request);
    };
    expect(info("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n")).toEqual({ key: "5", durationMs: 160 });
    expect(info("application/dtmf", "11")).toEqual({ key: "#", durationMs: 250 });
    expect(info("application/dtmf-relay", "Signal=nonsense")).toBeUndefined();
    expect(info("text/plain", "5")).toBeUndefined();
  });
});

describe("words", () => {
  it("are split as FreeSWITCH splits them", () => {
    expect(words("a 'b c'  d")).toEqual(["a", "b c", "d"]);
    expect(words("^^|a b|c")).toEqual(["a b", "c"]);
    expect(words("1 3 \\d+")).toEqual(["1", "3", "\\d+"]);
  });

  it("name a conference with profile, pin and flags in any combination", () => {
    expect(parseJoin("room")).toMatchObject({ name: "room", profile: "default", pin: "" });
    const all = parseJoin("room@wide+1234+flags{mute|moderator}");
    expect(all).toMatchObject({ name: "room", profile: "wide", pin: "1234" });
    expect([...(all?.flags ?? [])]).toEqual(["mute", "moderator"]);
    expect([...(parseJoin("room++flags{endconf}")?.flags ?? [])]).toEqual(["endconf"]);
    expect(parseJoin("a b")).toBeUndefined();
    expect(parseJoin("")).toBeUndefined();
  });

  it("expand variables without minding their case, and causes have numbers", () => {
    const variables = new Variables();
    variables.set("Name", "x");
    variables.set("gone", "");
    expect(variables.expand(["a $", "{name} b $", "{gone}$", "{none}"].join(""))).toBe("a x b ");
    expect([causeOf("user_busy"), causeOf("17"), causeOf("nonsense")]).toEqual(["USER_BUSY", "USER_BUSY", "NORMAL_CLEARING"]);
    expect([q850Of("USER_BUSY"), q850Of("MEDIA_TIMEOUT"), sipStatusOf("CALL_REJECTED")]).toEqual([17, 31, 603]);
  });
});

describe("negotiation", () => {
  const local = { address: "127.0.0.1", rtpPort: 20000, rtcpPort: 20001 };
  const peer = (codecs = ["PCMU"]) => new MediaNegotiation({ address: "192.0.2.9", rtpPort: 4000, rtcpPort: 4001 }, codecs);
  const server = () => new MediaNegotiation(local, ["OPUS", "G722", "PCMU", "PCMA"]);

  it("answers with one codec of the offer's order, under the offer's payload types", () => {
    const ours = server();
    const outcome = ours.answer(peer(["G722", "PCMU"]).offer(false));
    expect(outcome.kind).toBe("outcome");
    expect(ours.localSdp).toMatch(/m=audio 20000 RTP\/AVP 9 13 101\r\n/);
    if (outcome.kind === "outcome")
      expect(outcome.config).toMatchObject({
        codecs: [{ name: "G722" }, { name: "PCMU" }],
        remote: { port: 4000 },
        rtcpMux: true,
        dtmf: { rate: 8000 },
      });
  });

  it("keeps its key while the peer keeps its own, and takes a new one for a new one", () => {
    const ours = server();
    const theirs = peer();
    const offer = theirs.offer(true);
    const keys = () => /inline:(\S+)/.exec(ours.localSdp)?.[1];
    ours.answer(offer);
    const first = keys();
    ours.answer(offer.replace("a=sendrecv", "a=sendonly"));
    expect(keys()).toBe(first);
    ours.answer(peer().offer(true));
    expect(keys()).not.toBe(first);
  });

  it("offers every suite when asked for SRTP, takes an answer that holds it, then the real one", () => {
    const ours = server();
    const offer = ours.offer(true);
    expect(offer.match(/a=crypto:/g)).toHaveLength(6);
    // drachtio-srf acknowledges a late offer with the offer itself, on hold.
    const held = ours.answered(offer.replace(/c=IN IP4 \S+/g, "c=IN IP4 0.0.0.0").replace("a=sendrecv", "a=inactive"));
    expect(held.kind === "outcome" && held.config.direction).toBe("inactive");
    const outcome = ours.answer(peer().offer(true));
    expect(outcome.kind === "outcome" && outcome.config.srtp?.send.suite).toBe("AEAD_AES_256_GCM");
  });

  it("refuses nonsense, and what has nothing in common", () => {
    for (const text of ["", "nonsense", "v=0\r\n", peer(["PCMU"]).offer(false).replace("RTP/AVP", "UDP/TLS/RTP/SAVPF")])
      expect(server().answer(text).kind).toBe("refuse");
  });
});

describe("media threads", () => {
  function pool(count = 1) {
    const threads: { sent: ToMedia[]; say: (message: FromMedia) => void; die: (reason: string) => void }[] = [];
    const made = new MediaPool(
      count,
      (_index, say, die) => {
        const sent: ToMedia[] = [];
        threads.push({ sent, say, die });
        return { post: (message) => sent.push(message), terminate: async () => 0 };
      },
      () => 0,
      () => {},
    );
    return { made, threads };
  }
  const events = (lost: () => void) => ({ dtmf: () => {}, timeout: () => {}, contended: () => {}, lost });

  it("are chosen by key, else the emptiest", () => {
    const { made } = pool(4);
    const by = (key?: string) =>
      made.openLeg(
        events(() => {}),
        key,
      ).leg.worker;
    expect(new Set(Array.from({ length: 10 }, () => by("room-7"))).size).toBe(1);
    expect(new Set(Array.from({ length: 12 }, () => by())).size).toBeGreaterThan(2);
  });

  it("that die take their calls with them, and are started again", async () => {
    const { made, threads } = pool();
    let lost = 0;
    const { leg, ports } = made.openLeg(events(() => lost++));
    const job = leg.play("x");
    threads[0]!.die("crash");
    await expect(ports).rejects.toThrow("gone");
    expect((await job.done).reason).toBe("stopped");
    expect(lost).toBe(1);
    expect(threads).toHaveLength(2);
    const again = made.openLeg(events(() => {}));
    const open = threads[1]!.sent.find((message) => message.t === "open")!;
    threads[1]!.say({ t: "opened", req: open.req, rtpPort: 2, rtcpPort: 3 });
    expect(await again.ports).toEqual({ rtpPort: 2, rtcpPort: 3 });
  });

  it("that keep dying are given up", () => {
    const { threads } = pool();
    for (let i = 0; i < 20 && threads[i]; i++) threads[i]!.die("crash");
    expect(threads.length).toBeLessThan(10);
  });
});

it("refuses options that make no sense", () => {
  const good = {
    esl: { host: "h", port: 0, password: "" },
    sip: { host: "h", port: 0 },
    rtp: { host: "127.0.0.1", minPort: 20000, maxPort: 20099 },
  };
  expect(settingsOf(good, "/x")).toMatchObject({ advertise: "127.0.0.1", sounds: "/x", workers: 1 });
  expect(() => settingsOf({ ...good, workers: 0 }, "/")).toThrow(RangeError);
  expect(() => settingsOf({ ...good, rtp: { ...good.rtp, maxPort: 100 } }, "/")).toThrow(RangeError);
});
