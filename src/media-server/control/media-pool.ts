import type { FromMedia, LogLevel, ToMedia, WorkerLoad } from "../messages.ts";
import type { Threads } from "./media-jobs.ts";
import { Leg, Room } from "./media-leg.ts";

/** A media thread as the pool sees it; a worker in production, a stand-in in tests. */
export interface MediaThread {
  post(message: ToMedia): void;
  terminate(): Promise<unknown>;
}

/** Starts a media thread; `onExit` says that it is gone, asked for or not. */
export type ThreadFactory = (index: number, onMessage: (message: FromMedia) => void, onExit: (reason: string) => void) => MediaThread;

/** What a leg tells its channel. */
export interface LegEvents {
  dtmf(digit: string, durationMs: number, source: "RTP" | "INBAND_AUDIO"): void;
  /** Nothing came from the network for too long. */
  timeout(): void;
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

/** A thread that dies this often within {@link RESTART_WINDOW_MS} is not started again. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;

/** One media thread with its requests, legs, rooms and jobs. */
class Worker {
  readonly index: number;
  thread: MediaThread;
  readonly legs = new Map<number, LegEvents>();
  readonly rooms = new Map<number, RoomEvents>();
  readonly requests = new Map<number, { resolve(message: FromMedia): void; reject(error: Error): void }>();
  readonly jobs = new Map<number, { message(message: FromMedia): void; lost(): void }>();
  alive = true;
  restarts: number[] = [];
  constructor(index: number, thread: MediaThread) {
    this.index = index;
    this.thread = thread;
  }
}

/**
 * The media threads. Gives out legs (one call's RTP) and rooms (one conference's mixer), keeps what belongs together on one thread when it is told, and
 * starts a thread again that died, after telling everybody who was on it.
 */
export class MediaPool implements Threads {
  readonly #workers: Worker[] = [];
  readonly #factory: ThreadFactory;
  readonly #log: (level: LogLevel, message: string, fields: Readonly<Record<string, string | number | boolean>>) => void;
  readonly #now: () => number;
  #nextId = 1;
  #closing = false;

  constructor(
    count: number,
    factory: ThreadFactory,
    now: () => number,
    log: (level: LogLevel, message: string, fields?: Readonly<Record<string, string | number | boolean>>) => void,
  ) {
    this.#factory = factory;
    this.#log = log;
    this.#now = now;
    for (let i = 0; i < count; i++) this.#workers.push(new Worker(i, this.#start(i)));
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
    const worker = this.#workers[index];
    if (worker?.alive) worker.thread.post(message);
  }

  /** Sends a request; rejects when the thread dies first. */
  request(index: number, message: (req: number) => ToMedia): Promise<FromMedia> {
    const worker = this.#workers[index];
    if (!worker?.alive) return Promise.reject(new Error("the media thread is gone"));
    const req = this.#nextId++;
    return new Promise((resolve, reject) => {
      worker.requests.set(req, { resolve, reject });
      worker.thread.post(message(req));
    });
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
    worker.thread.post(message(job));
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
    this.#closing = true;
    await Promise.all(
      this.#workers.map((worker) => {
        worker.thread.post({ t: "exit" });
        return worker.thread.terminate();
      }),
    );
  }

  #choose(affinity: string | undefined): Worker {
    const alive = this.#workers.filter((worker) => worker.alive);
    if (alive.length === 0) throw new Error("no media thread is alive");
    if (affinity !== undefined) return alive[hash(affinity) % alive.length] ?? alive[0]!;
    return alive.reduce((best, worker) => (worker.legs.size < best.legs.size ? worker : best));
  }

  #start(index: number): MediaThread {
    return this.#factory(
      index,
      (message) => this.#receive(index, message),
      (reason) => this.#exited(index, reason),
    );
  }

  #receive(index: number, message: FromMedia): void {
    const worker = this.#workers[index];
    if (!worker) return;
    if ("req" in message) {
      const request = worker.requests.get(message.req);
      worker.requests.delete(message.req);
      request?.resolve(message);
    } else if ("job" in message) worker.jobs.get(message.job)?.message(message);
    else if (message.t === "dtmf") worker.legs.get(message.id)?.dtmf(message.digit, message.durationMs, message.source);
    else if (message.t === "timeout") worker.legs.get(message.id)?.timeout();
    else if (message.t === "talking") worker.rooms.get(message.room)?.talking(message.member, message.on, message.energy);
    else if (message.t === "floor") worker.rooms.get(message.room)?.floor(message.member);
    else if (message.t === "log") this.#log(message.level, message.message, message.fields);
  }

  #exited(index: number, reason: string): void {
    const worker = this.#workers[index];
    if (!worker || this.#closing) return;
    worker.alive = false;
    this.#log("error", "a media thread died; its calls end", { worker: index, reason, legs: worker.legs.size, rooms: worker.rooms.size });
    const { legs, rooms, requests, jobs } = worker;
    const [lostLegs, lostRooms, lostRequests, lostJobs] = [
      [...legs.values()],
      [...rooms.values()],
      [...requests.values()],
      [...jobs.values()],
    ];
    for (const map of [legs, rooms, requests, jobs]) map.clear();
    for (const request of lostRequests) request.reject(new Error("the media thread died"));
    for (const job of lostJobs) job.lost();
    for (const leg of lostLegs) leg.lost();
    for (const room of lostRooms) room.lost();
    const now = this.#now();
    worker.restarts = [...worker.restarts.filter((at) => now - at < RESTART_WINDOW_MS), now];
    if (worker.restarts.length > MAX_RESTARTS) {
      this.#log("error", "the media thread keeps dying and is not started again", { worker: index });
      return;
    }
    worker.thread = this.#start(index);
    worker.alive = true;
  }
}

function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}
