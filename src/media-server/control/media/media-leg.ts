import type { LegConfig, LegStats, MemberLink, MemberState, PlayResult } from "../../messages.ts";
import { type Job, playJob, type RecordJob, recordJob, type Threads } from "./media-jobs.ts";

const goneStats: LegStats = { counters: {}, roundTripMs: -1, remoteAddress: "", remotePort: 0, authFailures: 0, ssrc: 0 };

/** One call's media: its sockets, codecs and jobs, on one thread. */
export class Leg {
  readonly worker: number;
  readonly id: number;
  readonly #pool: Threads;
  #closed = false;

  constructor(pool: Threads, worker: number, id: number) {
    this.#pool = pool;
    this.worker = worker;
    this.id = id;
  }

  configure(config: LegConfig): void {
    this.#pool.post(this.worker, { t: "configure", id: this.id, config });
  }

  /** Plays a source on top of what plays (which pauses meanwhile). `seek` is in samples at the source's rate. */
  play(source: string, options: { seek?: number; timeoutMs?: number } = {}): Job<PlayResult> {
    return playJob(this.#pool, this.worker, (job) => ({
      t: "play",
      id: this.id,
      job,
      source,
      seek: options.seek ?? 0,
      timeoutMs: options.timeoutMs ?? 0,
    }));
  }

  /** Records what the far end says. */
  record(
    path: string,
    options: { limitMs?: number; silenceThreshold?: number; silenceHits?: number; append?: boolean; rate?: number } = {},
  ): RecordJob {
    return recordJob(this.#pool, this.worker, (job) => ({
      t: "record",
      id: this.id,
      job,
      path,
      limitMs: options.limitMs ?? 0,
      silenceThreshold: options.silenceThreshold ?? 0,
      silenceHits: options.silenceHits ?? 0,
      append: options.append ?? false,
      rate: options.rate ?? 0,
    }));
  }

  /** Records both sides of the call, besides whatever else goes on. */
  tap(path: string, options: { limitMs?: number; stereo?: boolean; side?: "both" | "read" | "write" } = {}): RecordJob {
    return recordJob(this.#pool, this.worker, (job) => ({
      t: "tap",
      id: this.id,
      job,
      path,
      limitMs: options.limitMs ?? 0,
      stereo: options.stereo ?? false,
      side: options.side ?? "both",
    }));
  }

  sendDtmf(digits: string, durationMs: number): void {
    this.#pool.post(this.worker, { t: "send-dtmf", id: this.id, digits, durationMs });
  }

  /** Sends what was held back until the far end had acknowledged the call. */
  release(): void {
    this.#pool.post(this.worker, { t: "release", id: this.id });
  }

  mute(sides: { read?: boolean; write?: boolean }): void {
    this.#pool.post(this.worker, { t: "mute", id: this.id, ...sides });
  }

  gain(readDb: number, writeDb: number): void {
    this.#pool.post(this.worker, { t: "gain", id: this.id, readDb, writeDb });
  }

  detectDtmf(on: boolean): void {
    this.#pool.post(this.worker, { t: "detect-dtmf", id: this.id, on });
  }

  /** Joins two legs' audio. On two threads it goes through frame rings. */
  bridge(other: Leg, ring: () => MemberLink): void {
    if (other.worker === this.worker) {
      this.#pool.post(this.worker, { t: "bridge", a: this.id, b: other.id });
      return;
    }
    const link = ring();
    this.#pool.post(this.worker, { t: "link", id: this.id, link });
    this.#pool.post(other.worker, { t: "link", id: other.id, link: { toRoom: link.fromRoom, fromRoom: link.toRoom, rate: link.rate } });
  }

  unbridge(): void {
    this.#pool.post(this.worker, { t: "unbridge", id: this.id });
  }

  /** Sends and hears through frame rings, for a room on another thread; undefined ends it. */
  link(link: MemberLink | undefined): void {
    this.#pool.post(this.worker, { t: "link", id: this.id, link });
  }

  async stats(): Promise<LegStats | undefined> {
    const reply = await this.#pool.request(this.worker, (req) => ({ t: "stats", req, id: this.id })).catch(() => undefined);
    return reply?.t === "stats" ? reply.stats : undefined;
  }

  /** Frees the ports. Gives the last counters; undefined when the thread is gone. */
  async close(): Promise<LegStats | undefined> {
    if (this.#closed) return undefined;
    this.#closed = true;
    const reply = await this.#pool.request(this.worker, (req) => ({ t: "close", req, id: this.id })).catch(() => undefined);
    this.#pool.forgetLeg(this.worker, this.id);
    return reply?.t === "closed" ? reply.stats : goneStats;
  }
}

/** One conference's mixer. Members are numbered by the conference. */
export class Room {
  readonly worker: number;
  readonly id: number;
  readonly #pool: Threads;

  constructor(pool: Threads, worker: number, id: number) {
    this.#pool = pool;
    this.worker = worker;
    this.id = id;
  }

  /** Puts a leg in. A leg on another thread is connected by `ring`. */
  join(member: number, leg: Leg, state: MemberState, ring: () => MemberLink): void {
    if (leg.worker === this.worker) {
      this.#pool.post(this.worker, { t: "room-join", room: this.id, member, id: leg.id, state });
      return;
    }
    const link = ring();
    this.#pool.post(this.worker, { t: "room-join", room: this.id, member, link, state });
    leg.link(link);
  }

  leave(member: number, leg: Leg): void {
    this.#pool.post(this.worker, { t: "room-leave", room: this.id, member });
    if (leg.worker !== this.worker) leg.link(undefined);
  }

  update(member: number, state: MemberState): void {
    this.#pool.post(this.worker, { t: "room-member", room: this.id, member, state });
  }

  agc(on: boolean): void {
    this.#pool.post(this.worker, { t: "room-agc", room: this.id, on });
  }

  /** What members hear while they wait; undefined ends it. */
  music(source: string | undefined): void {
    this.#pool.post(this.worker, { t: "room-music", room: this.id, source });
  }

  play(source: string, member?: number): Job<PlayResult> {
    return playJob(this.#pool, this.worker, (job) => ({ t: "room-play", room: this.id, member, job, source }));
  }

  record(path: string, rate: number): RecordJob {
    return recordJob(this.#pool, this.worker, (job) => ({ t: "room-record", room: this.id, job, path, rate }));
  }

  close(): void {
    this.#pool.post(this.worker, { t: "room-close", room: this.id });
    this.#pool.forgetRoom(this.worker, this.id);
  }
}
