import { EventEmitter } from "node:events";
import type { MediaPort, MediaPortEvents, MediaSession, MediaSessionEvents } from "../../../src/call-media/media-server.ts";
import type { Seat, SeatEvents, Sfu, SfuParticipant } from "../../../src/sfu/port.ts";

export function sdp(protocol = "RTP/AVP", extra: readonly string[] = [], version = 1): string {
  return [
    "v=0",
    `o=- 1 ${version} IN IP4 192.0.2.1`,
    "s=-",
    "c=IN IP4 192.0.2.1",
    "t=0 0",
    `m=audio 4000 ${protocol} 0 101`,
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    ...extra,
    "",
  ].join("\r\n");
}

/** A media session that does at once what it is told, and writes it down. */
export class FakeSession extends EventEmitter<MediaSessionEvents> implements MediaSession {
  readonly id = "session";
  localSdp: string;
  closed = false;
  /** The caller has acknowledged the call. */
  released = false;
  readonly done: string[] = [];
  /** Resolves what is playing. */
  finish: (ended: boolean) => void = () => undefined;
  constructor(localSdp: string) {
    super();
    this.localSdp = localSdp;
  }
  async accept(answer: string) {
    this.done.push(`accept ${/m=audio \d+ (\S+)/.exec(answer)?.[1]}`);
  }
  async modify(offer: string) {
    this.done.push(`modify ${/a=(send\w+|recvonly|inactive)/.exec(offer)?.[1] ?? "sendrecv"}`);
    return this.localSdp;
  }
  async offer(): Promise<string | null> {
    return null;
  }
  async release() {
    this.released = true;
  }
  play(files: readonly string[]) {
    this.done.push(`play ${files.map((file) => file.replace(/^\/prompts\/|\.wav$/g, "")).join(" ")}`);
    return new Promise<boolean>((resolve) => {
      this.finish = resolve;
    });
  }
  loop(file: string) {
    this.done.push(`loop ${file.replace(/^\/prompts\/|\.wav$/g, "")}`);
    return new Promise<void>((resolve) => {
      this.finish = () => resolve();
    });
  }
  async stopPlaying() {
    this.finish(false);
  }
  async press(keys: string) {
    this.done.push(`press ${keys}`);
  }
  async joinConference(): Promise<never> {
    throw new Error("meetings of these tests are at a fake SFU");
  }
  async hearTones(on: boolean) {
    this.done.push(`tones ${on ? "on" : "off"}`);
  }
  async record() {}
  async stopRecording() {}
  async stats() {
    return { codec: "PCMU", srtp: null, packetsIn: 10, packetsOut: 20, lossPercent: 0, jitterMs: 1 };
  }
  async close() {
    this.closed = true;
    this.done.push("close");
  }
}

export class FakePort extends EventEmitter<MediaPortEvents> implements MediaPort {
  connected = true;
  readonly sessions: FakeSession[] = [];
  /** What they were opened with. */
  readonly offers: string[] = [];
  /** What opening fails with. */
  failure: Error | undefined;
  async open(offer: string) {
    if (this.failure) throw this.failure;
    this.offers.push(offer);
    const crypto = /a=crypto:(\d+) (\S+) inline:(\S+)/.exec(offer);
    const answer = sdp(/m=audio \d+ (\S+)/.exec(offer)?.[1], crypto ? [`a=crypto:${crypto[1]} ${crypto[2]} inline:${crypto[3]}`] : []);
    return this.#add(new FakeSession(answer));
  }
  async openWithoutOffer({ secure }: { secure: boolean }) {
    if (this.failure) throw this.failure;
    const key = Buffer.alloc(44, 7).toString("base64");
    return this.#add(new FakeSession(sdp(secure ? "RTP/SAVP" : "RTP/AVP", secure ? [`a=crypto:1 AEAD_AES_256_GCM inline:${key}`] : [])));
  }
  async close() {}
  #add(session: FakeSession) {
    this.sessions.push(session);
    return session;
  }
}

class FakeSeat extends EventEmitter<SeatEvents> implements Seat {
  readonly done: string[];
  readonly name: string;
  constructor(name: string, done: string[]) {
    super();
    this.name = name;
    this.done = done;
  }
  async setMuted(muted: boolean) {
    this.done.push(`${this.name} ${muted ? "muted" : "unmuted"}`);
  }
  async play(files: readonly string[]) {
    this.done.push(`${this.name} hears ${files.map((file) => file.replace(/^\/prompts\/..\/|\.wav$/g, "")).join(" ")}`);
  }
  async leave() {
    this.done.push(`${this.name} leaves`);
  }
}

export class FakeSfu implements Sfu {
  readonly done: string[] = [];
  readonly seats = new Map<string, FakeSeat>();
  failure: Error | undefined;
  async join(meetingId: string, { id, displayName, muted }: SfuParticipant) {
    if (this.failure) throw this.failure;
    this.done.push(`${displayName} joins ${meetingId}${muted ? " muted" : ""}`);
    const seat = new FakeSeat(displayName, this.done);
    this.seats.set(id, seat);
    return seat;
  }
  present(meetingId: string, participantId: string | null) {
    this.done.push(`${meetingId} is shown ${participantId === null ? "nobody's screen" : `the screen of ${participantId}`}`);
  }
  async announce(meetingId: string, files: readonly string[]) {
    this.done.push(`${meetingId} hears ${files.map((file) => file.replace(/^\/prompts\/|\.wav$/g, "")).join(" ")}`);
  }
}
