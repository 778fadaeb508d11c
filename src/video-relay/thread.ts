import type { FromWorker, ToWorker } from "./messages.ts";

/** A thread as the relay sees it; a worker in production, a stand-in in tests. */
export interface VideoThread {
  post(message: ToWorker): void;
  /** Time it has worked, not waited, in milliseconds. */
  busyMs(): number;
  /** Ends it; resolves when it has ended. */
  terminate(): Promise<unknown>;
}

/** Starts a thread; `onExit` says that it is gone, asked for or not. */
export type VideoThreadFactory = (index: number, onMessage: (message: FromWorker) => void, onExit: (reason: string) => void) => VideoThread;

/** A thread that dies this often within {@link RESTART_WINDOW_MS} is not started again. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;

/** One thread with its requests, across its deaths. */
export class ThreadSlot {
  readonly index: number;
  /** Lines it has. */
  lines = 0;
  /** By its last report. */
  lateMs = 0;
  deaths = 0;
  readonly #factory: VideoThreadFactory;
  readonly #onMessage: (message: FromWorker, slot: ThreadSlot) => void;
  readonly #onDeath: (slot: ThreadSlot, reason: string, restarts: boolean) => void;
  readonly #now: () => number;
  readonly #requests = new Map<number, { resolve(message: FromWorker): void; reject(error: Error): void }>();
  #thread: VideoThread | undefined;
  #deaths: number[] = [];
  #nextRequest = 1;
  #closing = false;
  #exited: () => void = () => {};

  constructor(
    index: number,
    factory: VideoThreadFactory,
    now: () => number,
    onMessage: (message: FromWorker, slot: ThreadSlot) => void,
    onDeath: (slot: ThreadSlot, reason: string, restarts: boolean) => void,
  ) {
    this.index = index;
    this.#factory = factory;
    this.#now = now;
    this.#onMessage = onMessage;
    this.#onDeath = onDeath;
    this.#start();
  }

  get alive(): boolean {
    return this.#thread !== undefined;
  }

  get busyMs(): number {
    return this.#thread?.busyMs() ?? 0;
  }

  post(message: ToWorker): void {
    this.#thread?.post(message);
  }

  /** Sends a request; rejects when it fails or the thread dies first. */
  request(message: (req: number) => ToWorker): Promise<FromWorker> {
    const thread = this.#thread;
    if (!thread) return Promise.reject(new Error("the video relay's thread is gone"));
    const req = this.#nextRequest++;
    return new Promise((resolve, reject) => {
      this.#requests.set(req, { resolve, reject });
      thread.post(message(req));
    });
  }

  /** Lets the thread say goodbye on its lines, then ends it. */
  async stop(): Promise<void> {
    const thread = this.#thread;
    if (!thread) return;
    this.#closing = true;
    const exited = new Promise<void>((resolve) => {
      this.#exited = resolve;
    });
    thread.post({ t: "exit" });
    const hurry = setTimeout(() => void thread.terminate(), 1000);
    await exited;
    clearTimeout(hurry);
  }

  #start(): void {
    this.#thread = this.#factory(
      this.index,
      (message) => this.#receive(message),
      (reason) => this.#exit(reason),
    );
  }

  #receive(message: FromWorker): void {
    if (!("req" in message)) {
      this.#onMessage(message, this);
      return;
    }
    const request = this.#requests.get(message.req);
    this.#requests.delete(message.req);
    if (message.t === "failed") request?.reject(new Error(message.message));
    else request?.resolve(message);
  }

  #exit(reason: string): void {
    this.#thread = undefined;
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    for (const { reject } of requests) reject(new Error("the video relay's thread is gone"));
    this.#exited();
    if (this.#closing) return;
    const now = this.#now();
    this.deaths++;
    this.lateMs = 0;
    this.#deaths = [...this.#deaths.filter((at) => now - at < RESTART_WINDOW_MS), now];
    const restarts = this.#deaths.length <= MAX_RESTARTS;
    if (restarts) this.#start();
    this.#onDeath(this, reason, restarts);
  }
}
