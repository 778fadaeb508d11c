import { type ThreadFactory, WorkerSlot } from "../../../threads/worker-slot.ts";
import type { ContendingSource, FromMedia, LogLevel, ToMedia, WorkerLoad } from "../../messages.ts";
import type { Threads } from "./media-jobs.ts";
import { Leg, Room } from "./media-leg.ts";

/** Starts a media thread. */
export type MediaThreadFactory = ThreadFactory<ToMedia, FromMedia>;

/** What a leg tells its channel. */
export interface LegEvents {
  dtmf(digit: string, durationMs: number, source: "RTP" | "INBAND_AUDIO"): void;
  /** Nothing came from the network for too long. */
  timeout(): void;
  /** Somebody else sends to its ports than the far end that is listened to. Told once. */
  contended(source: ContendingSource): void;
  /** Its media thread died. */
  lost(): void;
}

/** What a conference's mixer tells the conference. */
export interface RoomEvents {
  talking(member: number, on: boolean, energy: number): void;
  floor(member: number | undefined): void;
  /** Its media thread died. */
  lost(): void;
}

/** One media thread with its legs, rooms and jobs. */
class MediaSlot extends WorkerSlot<ToMedia, FromMedia> {
  readonly legs = new Map<number, LegEvents>();
  readonly rooms = new Map<number, RoomEvents>();
  readonly jobs = new Map<number, { message(message: FromMedia): void; lost(): void }>();
}

/**
 * The media threads. Gives out legs (one call's RTP) and rooms (one conference's mixer), keeps what belongs together on one thread when it is told, and
 * starts a thread again that died, after telling everybody who was on it.
 */
export class MediaPool implements Threads {
  readonly #workers: readonly MediaSlot[];
  readonly #log: (level: LogLevel, message: string, fields: Readonly<Record<string, string | number | boolean>>) => void;
  #nextId = 1;

  constructor(
    count: number,
    factory: MediaThreadFactory,
    now: () => number,
    log: (level: LogLevel, message: string, fields?: Readonly<Record<string, string | number | boolean>>) => void,
  ) {
    this.#log = log;
    this.#workers = Array.from(
      { length: count },
      (_, index) =>
        new MediaSlot({
          name: "the media thread",
          index,
          factory,
          now,
          exitMessage: { t: "exit" },
          replyTo: (message) => ("req" in message ? { id: message.req } : undefined),
          onMessage: (message) => this.#receive(index, message),
          onDeath: (reason, restarted) => this.#died(index, reason, restarted),
        }),
    );
  }

  get size(): number {
    return this.#workers.length;
  }

  /** A new leg. `affinity`: legs and rooms with the same key share a thread, which spares the copying between threads. */
  openLeg(events: LegEvents, affinity?: string): { leg: Leg; ports: Promise<{ rtpPort: number; rtcpPort: number }> } {
    const worker = this.#choose(affinity);
    const id = this.#nextId++;
    worker.legs.set(id, events);
    const leg = new Leg(this, worker.index, id);
    const ports = this.request(worker.index, (req) => ({ t: "open", req, id })).then((reply) => {
      if (reply.t !== "opened") throw new Error(reply.t === "failed" ? reply.message : `unexpected ${reply.t}`);
      return { rtpPort: reply.rtpPort, rtcpPort: reply.rtcpPort };
    });
    ports.catch(() => worker.legs.delete(id));
    return { leg, ports };
  }

  /** A new room, on the thread of `near` (its first member) or of the key. */
  openRoom(events: RoomEvents, near: Leg): Room {
    const worker = this.#workers[near.worker] ?? this.#choose(undefined);
    const id = this.#nextId++;
    worker.rooms.set(id, events);
    this.post(worker.index, { t: "room-open", room: id, music: undefined });
    return new Room(this, worker.index, id);
  }

  /** Sends to a thread; what is sent to a dead one is dropped: its users have been told. */
  post(index: number, message: ToMedia): void {
    this.#workers[index]?.post(message);
  }

  /** Sends a request; rejects when the thread dies first. */
  request(index: number, message: (req: number) => ToMedia): Promise<FromMedia> {
    const worker = this.#workers[index];
    return worker === undefined ? Promise.reject(new Error("there is no such media thread")) : worker.request(message);
  }

  /** Starts a job that ends with one result. */
  startJob(index: number, message: (job: number) => ToMedia, onMessage: (message: FromMedia) => boolean, lost: () => void): number {
    const worker = this.#workers[index];
    const job = this.#nextId++;
    if (!worker?.alive) {
      queueMicrotask(lost);
      return job;
    }
    worker.jobs.set(job, {
      message: (reply) => {
        if (onMessage(reply)) worker.jobs.delete(job);
      },
      lost,
    });
    worker.post(message(job));
    return job;
  }

  forgetLeg(index: number, id: number): void {
    this.#workers[index]?.legs.delete(id);
  }

  forgetRoom(index: number, room: number): void {
    this.#workers[index]?.rooms.delete(room);
  }

  /** What each thread carries. */
  async loads(): Promise<WorkerLoad[]> {
    const replies = await Promise.all(
      this.#workers.map((worker) => this.request(worker.index, (req) => ({ t: "load", req })).catch(() => undefined)),
    );
    return replies.flatMap((reply) => (reply?.t === "load" ? [reply.load] : []));
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  #choose(affinity: string | undefined): MediaSlot {
    const alive = this.#workers.filter((worker) => worker.alive);
    if (alive.length === 0) throw new Error("no media thread is alive");
    if (affinity !== undefined) return alive[hash(affinity) % alive.length] ?? alive[0]!;
    return alive.reduce((best, worker) => (worker.legs.size < best.legs.size ? worker : best));
  }

  #receive(index: number, message: FromMedia): void {
    const worker = this.#workers[index];
    if (!worker) return;
    if ("job" in message) worker.jobs.get(message.job)?.message(message);
    else if (message.t === "dtmf") worker.legs.get(message.id)?.dtmf(message.digit, message.durationMs, message.source);
    else if (message.t === "timeout") worker.legs.get(message.id)?.timeout();
    else if (message.t === "contended") worker.legs.get(message.id)?.contended(message.source);
    else if (message.t === "talking") worker.rooms.get(message.room)?.talking(message.member, message.on, message.energy);
    else if (message.t === "floor") worker.rooms.get(message.room)?.floor(message.member);
    else if (message.t === "log") this.#log(message.level, message.message, message.fields);
  }

  #died(index: number, reason: string, restarted: boolean): void {
    const worker = this.#workers[index];
    if (!worker) return;
    const { legs, rooms, jobs } = worker;
    this.#log("error", "a media thread died; its calls end", { worker: index, reason, legs: legs.size, rooms: rooms.size });
    const [lostLegs, lostRooms, lostJobs] = [[...legs.values()], [...rooms.values()], [...jobs.values()]];
    for (const map of [legs, rooms, jobs]) map.clear();
    for (const job of lostJobs) job.lost();
    for (const leg of lostLegs) leg.lost();
    for (const room of lostRooms) room.lost();
    if (!restarted) this.#log("error", "the media thread keeps dying and is not started again", { worker: index });
  }
}

function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}
