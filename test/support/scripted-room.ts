/** A room system by script: SIP over UDP, a tone, H.264 of its own making, a second stream, the floor by BFCP. It breaks whatever rule a test wants broken. */
import { createSocket, type Socket } from "node:dgram";
import { createDecoder, createEncoder } from "../../src/audio/codecs.ts";
import { systemClock } from "../../src/base/clock.ts";
import { openSipEndpoint, type SipEndpoint } from "../../src/io/index.ts";
import type { Session } from "../../src/sip/index.ts";
import { buildRtp, parseRtp } from "../../src/wire/rtp/index.ts";
import { parseSdp, type SdpMedia, type SdpSession } from "../../src/wire/sdp/index.ts";
import { type RoomFloor, TcpFloor, UdpFloor } from "./room-floor.ts";
import { RoomPicture } from "./room-picture.ts";
import { RoomRemote } from "./room-remote.ts";
import { tone, tonesIn } from "./spectrum.ts";

const HOST = "127.0.0.1";
/** 20 ms of PCMU. */
const FRAME = 160;

export interface RoomOptions {
  readonly sipPort: number;
  /** User part it calls. */
  readonly to: string;
  readonly displayName: string;
  /** Hz; 0 is silence. */
  readonly tone: number;
  /** Fills its pictures, so that others know whose they see. */
  readonly mark: number;
  /** What it has beside its audio at first. */
  readonly lines?: readonly ("camera" | "screen")[];
  readonly floor?: "udp" | "tcp";
  /** It has a remote control for others' cameras. */
  readonly remote?: boolean;
  /** BFCP's version: 2 of RFC 8855, or 1 of the draft before it and of TCP. */
  readonly floorVersion?: 1 | 2;
  /** `profile-level-id`, 42e01f where absent. */
  readonly profile?: string;
  /** `a=rtcp-fb` of its lines; PLI and FIR where absent. */
  readonly feedback?: readonly string[];
  /** b=TIAS of its lines. */
  readonly bitrate?: number;
  /** When its camera sends parameter sets; with each key frame where absent. */
  readonly sets?: RoomPicture["sets"];
}

export class ScriptedRoom {
  readonly camera: RoomPicture;
  readonly screen: RoomPicture;
  floor: RoomFloor | undefined;
  remote: RoomRemote | undefined;
  /** What is offered of each line; a test changes it and calls {@link offer}. `gone`: port 0. */
  readonly state: Record<"camera" | "screen", { on: boolean; gone?: boolean; direction: string }>;
  /** Bodies of INFO that came. */
  readonly infos: string[] = [];
  ended: string | undefined;
  /** Sends silence in place of its tone. */
  silent = false;
  answer: SdpSession | undefined;
  readonly #options: RoomOptions;
  readonly #audio: Socket;
  readonly #heard: Int16Array[] = [];
  #sip: SipEndpoint | undefined;
  #session: Session | undefined;
  #timer: NodeJS.Timeout | undefined;
  #version = 0;

  private constructor(options: RoomOptions, audio: Socket, camera: RoomPicture, screen: RoomPicture) {
    this.#options = options;
    this.#audio = audio;
    this.camera = camera;
    this.screen = screen;
    const { lines = ["camera"], sets = "each" } = options;
    camera.sets = sets;
    this.state = {
      camera: { on: lines.includes("camera"), direction: "sendrecv" },
      screen: { on: lines.includes("screen"), direction: "sendrecv" },
    };
  }

  /** Calls, and resolves when it is answered; the camera sends from then on. */
  static async call(options: RoomOptions): Promise<ScriptedRoom> {
    const audio = await bound();
    const { mark, floor, floorVersion = floor === "tcp" ? 1 : 2 } = options;
    const room = new ScriptedRoom(options, audio, new RoomPicture(await bound(), mark), new RoomPicture(await bound(), mark + 100));
    if (floor === "udp") room.floor = new UdpFloor(await bound(), floorVersion);
    else if (floor === "tcp") room.floor = new TcpFloor();
    if (options.remote) room.remote = new RoomRemote(await bound());
    try {
      await room.#dial();
      if (room.state.camera.on) room.camera.start();
      return room;
    } catch (error) {
      await room.close();
      throw error;
    }
  }

  async #dial(): Promise<void> {
    const { sipPort, to, displayName } = this.#options;
    this.#sip = await openSipEndpoint({ host: HOST, port: 0, transports: ["udp"], onInvite: (session, now) => session.reject(now, 486) });
    await new Promise<void>((resolve, reject) => {
      this.#session = this.#sip!.invite({
        uri: `sip:${to}@${HOST}:${sipPort}`,
        from: `"${displayName}" <sip:room@${HOST}>`,
        body: this.#describe(),
        events: {
          onAnswered: (response) => {
            this.#apply(response.body.toString());
            this.#speak();
            resolve();
          },
          onOffer: (transaction, now) => this.#session?.answerTo(transaction, 488, now),
          onRequest: (transaction, now) => {
            this.infos.push(transaction.request.body.toString());
            this.#session?.answerTo(transaction, 200, now);
          },
          onEnded: (reason, _now, status) => {
            this.ended = reason;
            reject(new Error(`${reason} ${status ?? ""}`));
          },
        },
      });
    });
  }

  /** Offers what {@link state} says by re-INVITE; resolves with the answer's lines beside the audio. */
  async offer(): Promise<readonly SdpMedia[]> {
    const status = await new Promise<number>((resolve) => {
      this.#session!.reinvite(this.#sip!.now(), { body: this.#describe() }, (response) => {
        if (response?.status === 200) this.#apply(response.body.toString());
        resolve(response?.status ?? 0);
      });
    });
    if (status !== 200) throw new Error(`re-INVITE: ${status}`);
    return this.answer!.media.slice(1);
  }

  #describe(): string {
    const { profile = "42e01f", feedback = ["nack pli", "ccm fir"], bitrate, floor } = this.#options;
    const picture = (name: "camera" | "screen", label: number): string[] => {
      const { on, gone, direction } = this.state[name];
      if (!on && !gone) return [];
      return [
        `m=video ${gone ? 0 : this[name].port} RTP/AVP 97`,
        ...(bitrate === undefined ? [] : [`b=TIAS:${bitrate}`]),
        "a=rtpmap:97 H264/90000",
        `a=fmtp:97 profile-level-id=${profile};packetization-mode=1`,
        ...feedback.map((one) => `a=rtcp-fb:* ${one}`),
        "a=rtcp-mux",
        `a=content:${name === "camera" ? "main" : "slides"}`,
        `a=label:${label}`,
        `a=${direction}`,
      ];
    };
    return [
      "v=0",
      `o=- 7 ${++this.#version} IN IP4 ${HOST}`,
      "s=-",
      `c=IN IP4 ${HOST}`,
      "t=0 0",
      `m=audio ${this.#audio.address().port} RTP/AVP 0`,
      "a=rtpmap:0 PCMU/8000",
      ...picture("camera", 11),
      ...picture("screen", 12),
      ...(floor === undefined ? [] : (this.floor?.offer(12) ?? [])),
      ...(this.remote?.offer() ?? []),
      "",
    ].join("\r\n");
  }

  #apply(text: string): void {
    const answer = parseSdp(text);
    this.answer = answer;
    const rest = answer.media.slice(1);
    for (const name of ["camera", "screen"] as const) {
      const { on, gone } = this.state[name];
      if (!on && !gone) continue;
      this[name].target = rest.shift()!.port;
    }
    if (this.floor) this.floor.answered(rest.shift()!);
    if (this.remote) this.remote.target = rest.shift()!.port;
  }

  #speak(): void {
    const encoder = createEncoder("PCMU");
    const decoder = createDecoder("PCMU");
    const silence = new Int16Array(8000);
    const sound = this.#options.tone === 0 ? silence : tone(this.#options.tone, 8000, 1000);
    const payload = new Uint8Array(FRAME);
    const began = systemClock.now();
    let sent = 0;
    this.#audio.on("message", (datagram) => {
      const packet = parseRtp(datagram);
      if (packet?.payloadType !== 0) return;
      const pcm = new Int16Array(2000);
      const length = decoder.decode(packet.payload, pcm);
      if (length > 0) this.#heard.push(pcm.subarray(0, length));
    });
    this.#timer = setInterval(() => {
      for (const now = systemClock.now(); sent * 20 < now - began; sent++) {
        const frames = this.silent ? silence : sound;
        encoder.encode(frames.subarray((sent % 50) * FRAME, ((sent % 50) + 1) * FRAME), payload);
        const fields = { payloadType: 0, ssrc: 77, timestamp: sent * FRAME, sequenceNumber: sent & 0xffff, marker: sent === 0 };
        this.#audio.send(buildRtp(fields, payload), this.answer!.media[0]!.port, HOST);
      }
    }, 10);
  }

  /** Which of these tones it has heard in the last `ms`. */
  hears(candidates: readonly number[], ms = 1000): number[] {
    const frames = this.#heard.slice(-ms / 20);
    if (frames.length * 20 < ms / 2) return [];
    return tonesIn(Int16Array.from(frames.flatMap((frame) => [...frame])), 8000, candidates);
  }

  /** It hangs up. */
  async close(): Promise<void> {
    this.vanish();
    if (this.#sip) this.#session?.end(this.#sip.now());
    await this.#sip?.close();
  }

  /** It is switched off: not another packet, no BYE. */
  vanish(): void {
    clearInterval(this.#timer);
    for (const socket of [this.#audio]) close(socket);
    this.camera.close();
    this.screen.close();
    this.floor?.close();
    this.remote?.close();
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
  return socket;
}

function close(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // closed before
  }
}
