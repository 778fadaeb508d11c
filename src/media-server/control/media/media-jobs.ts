import type { FromMedia, PlayResult, RecordResult, ToMedia } from "../../messages.ts";

/** What legs, rooms and jobs need of the media threads. */
export interface Threads {
  /** Sends to a thread; what is sent to a dead one is dropped: its users have been told. */
  post(index: number, message: ToMedia): void;
  /** Sends a request; rejects when the thread dies first. */
  request(index: number, message: (req: number) => ToMedia): Promise<FromMedia>;
  /** Starts a job; `onMessage` says true at its end. */
  startJob(index: number, message: (job: number) => ToMedia, onMessage: (message: FromMedia) => boolean, lost: () => void): number;
  forgetLeg(index: number, id: number): void;
  forgetRoom(index: number, room: number): void;
}

/** A playback or a recording under way. */
export interface Job<Result> {
  readonly id: number;
  /** Resolves when the file is open: true, or could not be opened: false. */
  readonly started: Promise<boolean>;
  /** Resolves once, with the end. */
  readonly done: Promise<Result>;
  stop(): void;
}

/** A recording under way. */
export interface RecordJob extends Job<RecordResult> {
  pause(paused: boolean): void;
}

const stopped: PlayResult = { reason: "stopped", samplesIn: 0, nativeRate: 8000, position: 0 };
const notRecorded: RecordResult = { reason: "hangup", samples: 0, rate: 8000, bytes: 0 };

/** Starts a playback. */
export function playJob(pool: Threads, worker: number, message: (job: number) => ToMedia): Job<PlayResult> {
  const { promise, resolve } = Promise.withResolvers<PlayResult>();
  const started = Promise.withResolvers<boolean>();
  const id = pool.startJob(
    worker,
    message,
    (reply) => {
      if (reply.t === "play-started") started.resolve(true);
      if (reply.t !== "played") return false;
      started.resolve(false);
      resolve(reply.result);
      return true;
    },
    () => {
      started.resolve(false);
      resolve(stopped);
    },
  );
  return { id, started: started.promise, done: promise, stop: () => pool.post(worker, { t: "stop", job: id }) };
}

/** Starts a recording. */
export function recordJob(pool: Threads, worker: number, message: (job: number) => ToMedia): RecordJob {
  const { promise, resolve } = Promise.withResolvers<RecordResult>();
  const started = Promise.withResolvers<boolean>();
  const id = pool.startJob(
    worker,
    message,
    (reply) => {
      if (reply.t === "record-started") started.resolve(true);
      if (reply.t !== "recorded") return false;
      started.resolve(false);
      resolve(reply.result);
      return true;
    },
    () => {
      started.resolve(false);
      resolve(notRecorded);
    },
  );
  return {
    id,
    done: promise,
    started: started.promise,
    stop: () => pool.post(worker, { t: "stop", job: id }),
    pause: (paused) => pool.post(worker, { t: "pause", job: id, paused }),
  };
}
