import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CallEvent, type CallStyle, Gatekeeper, type GatekeeperEvent, type LocalMedia } from "../../../src/h323/index.ts";
import { type H323Endpoint, type H323Session, openH323Endpoint, openRasSocket } from "../../../src/io/index.ts";
import { type Asterisk, startAsterisk } from "../../support/asterisk.ts";
import { OUTGOING, ooh323 } from "../../support/ooh323.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";

const ASTERISK = "127.0.0.71";
const US = "127.0.0.72";

/** Events of one call, with waiting. */
class Watched {
  readonly events: CallEvent[] = [];
  #waiting: { type: string; resolve: (e: CallEvent) => void }[] = [];
  push(event: CallEvent): void {
    this.events.push(event);
    const [now, later] = [this.#waiting.filter((w) => w.type === event.type), this.#waiting.filter((w) => w.type !== event.type)];
    this.#waiting = later;
    for (const w of now) w.resolve(event);
  }
  until<T extends CallEvent["type"]>(type: T): Promise<Extract<CallEvent, { type: T }>> {
    const seen = this.events.find((e) => e.type === type);
    const found = seen === undefined ? new Promise<CallEvent>((resolve) => this.#waiting.push({ type, resolve })) : Promise.resolve(seen);
    return found as Promise<Extract<CallEvent, { type: T }>>;
  }
  of<T extends CallEvent["type"]>(type: T): Extract<CallEvent, { type: T }>[] {
    return this.events.filter((e): e is Extract<CallEvent, { type: T }> => e.type === type);
  }
}

/** An RTP port that counts what comes. */
async function rtpPort(): Promise<{
  media: LocalMedia;
  socket: Socket;
  packets: () => number;
  until: (count: number) => Promise<void>;
  payloadTypes: Set<number>;
}> {
  const socket = createSocket("udp4");
  let packets = 0;
  const payloadTypes = new Set<number>();
  const waiting: { count: number; resolve: () => void }[] = [];
  socket.on("message", (m) => {
    packets++;
    payloadTypes.add(m[1]! & 0x7f);
    for (const w of waiting) if (packets >= w.count) w.resolve();
  });
  socket.bind(0, US);
  await once(socket, "listening");
  const { port } = socket.address();
  const media = { rtp: { host: US, port }, rtcp: { host: US, port: port + 1 } };
  const until = (count: number) => new Promise<void>((resolve) => (packets >= count ? resolve() : waiting.push({ count, resolve })));
  return { media, socket, packets: () => packets, until, payloadTypes };
}

describe.each(["asterisk", "asterisk-22"] as const)("%s", (release) => withAsterisk(release));

function withAsterisk(release: "asterisk" | "asterisk-22"): void {
  describeWithPeers("H.323 with Asterisk's chan_ooh323", [release], () => {
    const styles: CallStyle[] = [true, false].flatMap((fastStart) =>
      [true, false].map((tunnelling) => ({ fastStart, tunnelling, earlyControl: false })),
    );

    describe.each(styles)("%o", (style) => {
      let asterisk: Asterisk;
      let endpoint: H323Endpoint;
      let onSession: (session: H323Session) => void = () => {};
      const sockets: Socket[] = [];

      beforeAll(async () => {
        asterisk = await startAsterisk({
          release,
          name: `h323${style.fastStart ? "f" : "s"}${style.tunnelling ? "t" : "c"}`,
          ip: ASTERISK,
          rtpStart: portsOf("h323-asterisk"),
          ooh323: ooh323({ ip: ASTERISK, peer: US, ...style }),
          extensions: OUTGOING,
        });
        endpoint = await openH323Endpoint({
          host: US,
          port: 1720,
          identity: {
            aliases: [{ "h323-ID": "crosspoint" }, { dialledDigits: "1000" }],
            displayName: "Crosspoint",
            product: "Crosspoint",
            version: "0",
          },
          capabilities: {
            audio: [
              { codec: "PCMU", maxPtime: 20 },
              { codec: "PCMA", maxPtime: 20 },
            ],
            telephoneEvent: 101,
            userInput: ["alphanumeric", "signal"],
          },
          style,
          onSession: (session) => onSession(session),
        });
      });
      afterEach(async () => {
        // nobody is left to the next test, however this one ended
        asterisk.cli("channel request hangup all");
        await expect.poll(() => asterisk.cli("core show channels concise").includes("OOH323")).toBe(false);
        for (const s of sockets.splice(0)) s.close();
      });
      afterAll(async () => {
        await endpoint?.close();
        await asterisk?.stop();
      });

      async function dial(number: string) {
        const rtp = await rtpPort();
        sockets.push(rtp.socket);
        const watched = new Watched();
        const session = await endpoint.call(
          { host: ASTERISK, port: 1720 },
          { aliases: [{ dialledDigits: number }] },
          {
            prepare: (s) => {
              s.onEvent = (event) => watched.push(event);
              s.act((machine, now) => machine.setMedia(rtp.media, now));
            },
          },
        );
        return { session, watched, rtp };
      }

      it("we call, hear its tone, and hang up", async () => {
        const { session, watched, rtp } = await dial("601");
        expect(await watched.until("connected")).toMatchObject({ product: "ooh323" });
        expect(await watched.until("transmit")).toMatchObject({ rtp: { host: ASTERISK }, format: { codec: "PCMU" } });
        await watched.until("established");
        await rtp.until(25);
        expect([...rtp.payloadTypes]).toEqual([0]);
        expect(asterisk.cli("core show channels concise")).toContain("OOH323");
        session.act((machine) => machine.release(16));
        await expect.poll(() => asterisk.cli("core show channels concise").includes("OOH323")).toBe(false);
      });

      // Other digits each time: the log is one.
      it.each([
        ["alphanumeric", "159*0"],
        ["signal", "260*8"],
        ["keypad", "37*14"],
      ] as const)("our digits arrive by %s", async (way, digits) => {
        const { session, watched } = await dial("602");
        await watched.until("established");
        await watched.until("connected");
        for (const digit of digits) {
          await new Promise((resolve) => setTimeout(resolve, 60));
          session.act((machine, now) => machine.sendDigits(digit, now, way));
        }
        await asterisk.waitForLog(new RegExp(`GOT-DTMF ${digits.replace("*", "\\*")}`));
        session.act((machine) => machine.release(16));
        await expect.poll(() => asterisk.cli("core show channels concise").includes("OOH323")).toBe(false);
      });

      it("a busy callee is cause 17", async () => {
        const { watched } = await dial("617");
        expect(await watched.until("released")).toMatchObject({ cause: 17, by: "peer" });
      });

      it("it calls us, sends its digits, and hangs up", async () => {
        const rtp = await rtpPort();
        sockets.push(rtp.socket);
        const watched = new Watched();
        onSession = (session) => {
          session.onEvent = (event) => {
            watched.push(event);
            if (event.type === "incoming")
              session.act((machine, now) => {
                machine.setMedia(rtp.media, now);
                machine.alert(false, now);
                machine.answer(now);
              });
          };
        };
        asterisk.cli("channel originate OOH323/1000@far extension dtmf@far-end");
        expect((await watched.until("incoming")).call).toMatchObject({ calledNumber: "1000", product: "ooh323", displayName: "asterisk" });
        expect(await watched.until("transmit")).toMatchObject({ rtp: { host: ASTERISK }, format: { codec: "PCMU" } });
        expect(await watched.until("released")).toMatchObject({ cause: 16, by: "peer" });
        expect(
          watched
            .of("digits")
            .map((d) => d.digits)
            .join(""),
        ).toBe("159*0");
        expect(watched.of("ignored")).toEqual([]);
      });

      it("hold makes it stop sending, and resume makes it send again", async () => {
        const { session, watched, rtp } = await dial("601");
        await watched.until("established");
        await rtp.until(25);
        session.act((machine, now) => machine.control((c) => c.hold(now), now));
        await watched.until("receive-closed");
        session.act((machine, now) => machine.control((c) => c.resume(now), now));
        await expect.poll(() => watched.of("receive").length).toBe(2);
        const before = rtp.packets();
        await rtp.until(before + 25);
        session.act((machine) => machine.release(16));
      });
    });

    it("it registers with our gatekeeper, asks for admission and calls us; and we call it by its number", async () => {
      const signalling = { host: US, port: 1720 };
      const events: GatekeeperEvent[] = [];
      const gatekeeper = await openRasSocket<Gatekeeper, GatekeeperEvent>(
        { host: US, port: 1719, onEvent: (event) => events.push(event) },
        (ras) => {
          return new Gatekeeper({
            identifier: "crosspoint",
            ras,
            signalling,
            timeToLive: 60,
            maxEndpoints: 10,
            password: () => undefined,
            ours: (alias) => alias === "1000",
            neighbours: [],
            maxBandwidth: 200_000,
            epoch: Math.floor(Date.now() / 1000 - performance.now() / 1000),
            random: (count) => randomBytes(count),
          });
        },
      );
      const asterisk = await startAsterisk({
        release,
        name: "h323gk",
        ip: ASTERISK,
        rtpStart: portsOf("h323-asterisk"),
        ooh323: ooh323({ ip: ASTERISK, peer: US, fastStart: true, tunnelling: true, gatekeeper: US }),
        extensions: OUTGOING,
      });
      const rtp = await rtpPort();
      const incoming = new Watched();
      const endpoint = await openH323Endpoint({
        host: US,
        port: 1720,
        identity: { aliases: [{ "h323-ID": "crosspoint" }], displayName: "Crosspoint", product: "Crosspoint", version: "0" },
        capabilities: { audio: [{ codec: "PCMU", maxPtime: 20 }], telephoneEvent: 101, userInput: ["alphanumeric"] },
        onSession: (session) => {
          session.onEvent = (event) => {
            incoming.push(event);
            if (event.type === "incoming")
              session.act((machine, now) => {
                machine.setMedia(rtp.media, now);
                machine.answer(now);
              });
          };
        },
      });
      try {
        await expect.poll(() => gatekeeper.machine.find("500")?.signalling.host).toBe(ASTERISK);
        expect(gatekeeper.machine.find("asterisk")?.product).toBe("ooh323");
        asterisk.cli("channel originate OOH323/1000@far extension dtmf@far-end");
        expect(await incoming.until("released")).toMatchObject({ cause: 16, by: "peer" });
        await expect.poll(() => events.map((e) => e.type)).toEqual(expect.arrayContaining(["registered", "admitted", "disengaged"]));
        const outgoing = new Watched();
        const session = await endpoint.call(
          gatekeeper.machine.find("500")!.signalling,
          { aliases: [{ dialledDigits: "601" }] },
          {
            prepare: (s) => {
              s.onEvent = (event) => outgoing.push(event);
              s.act((machine, now) => machine.setMedia(rtp.media, now));
            },
          },
        );
        await outgoing.until("established");
        await rtp.until(25);
        session.act((machine) => machine.release(16));
      } finally {
        rtp.socket.close();
        await endpoint.close();
        await asterisk.stop();
        await gatekeeper.close();
      }
    });
  });
}
