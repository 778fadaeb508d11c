import { type ThreadFactory, WorkerSlot } from "../threads/worker-slot.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** Starts a thread of the video relay. */
export type VideoThreadFactory = ThreadFactory<ToWorker, FromWorker>;

/** A thread of the video relay, with what is counted of it. */
export class VideoSlot extends WorkerSlot<ToWorker, FromWorker> {
  /** Lines that are open on the thread. */
  lines = 0;
  /** Lateness of the thread's timer by its last report, in milliseconds. */
  lateMs = 0;

  constructor(
    index: number,
    factory: VideoThreadFactory,
    now: () => number,
    onMessage: (message: FromWorker, slot: VideoSlot) => void,
    onDeath: (slot: VideoSlot, reason: string, restarted: boolean) => void,
  ) {
    super({
      name: "the video relay's thread",
      index,
      factory,
      now,
      exitMessage: { t: "exit" },
      replyTo: (message) =>
        "req" in message ? { id: message.req, ...(message.t === "failed" ? { error: message.message } : {}) } : undefined,
      onMessage: (message) => onMessage(message, this),
      onDeath: (reason, restarted) => {
        this.lateMs = 0;
        onDeath(this, reason, restarted);
      },
    });
  }
}
