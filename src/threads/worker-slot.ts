import { PendingRequests } from "./pending-requests.ts";
import { RestartLimit } from "./restart-limit.ts";

/** A thread as its owner sees it: a worker in production, a stand-in in tests. */
export interface ThreadHandle<To> {
  post(message: To): void;
  /** Time the thread has worked, not waited, in milliseconds; absent where nobody asks. */
  busyMs?(): number;
  /** Ends the thread; resolves when it has ended. */
  terminate(): Promise<unknown>;
}

/** Starts a thread; `onExit` says that the thread is gone, asked for or not. */
export type ThreadFactory<To, From> = (
  index: number,
  onMessage: (message: From) => void,
  onExit: (reason: string) => void,
) => ThreadHandle<To>;

export interface WorkerSlotOptions<To, From> {
  /** Names the thread in errors: "the video relay's thread". */
  readonly name: string;
  readonly index: number;
  readonly factory: ThreadFactory<To, From>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Lets the thread end by itself. */
  readonly exitMessage: To;
  /** Number of the request that a message replies to, and its error where the request failed; undefined for other messages. */
  readonly replyTo: (message: From) => { readonly id: number; readonly error?: string } | undefined;
  /** Messages that reply to no request. */
  readonly onMessage: (message: From) => void;
  /** The thread died without having been asked to. `restarted` is false where it dies too often. */
  readonly onDeath: (reason: string, restarted: boolean) => void;
}

/** How long a thread may take to end by itself, in milliseconds. */
const EXIT_MS = 1_000;

/** One thread with its requests, across its deaths. */
export class WorkerSlot<To, From> {
  readonly #options: WorkerSlotOptions<To, From>;
  readonly #requests = new PendingRequests<From>();
  readonly #limit = new RestartLimit();
  #thread: ThreadHandle<To> | undefined;
  #deaths = 0;
  #closing = false;
  #exited: () => void = () => {};

  constructor(options: WorkerSlotOptions<To, From>) {
    this.#options = options;
    this.#start();
  }

  get index(): number {
    return this.#options.index;
  }

  get alive(): boolean {
    return this.#thread !== undefined;
  }

  /** How often the thread has died. */
  get deaths(): number {
    return this.#deaths;
  }

  /** Of the thread that runs now; 0 where none runs. */
  get busyMs(): number {
    return this.#thread?.busyMs?.() ?? 0;
  }

  /** Sends a message. A message to a dead thread is dropped: those who used the thread have been told. */
  post(message: To): void {
    this.#thread?.post(message);
  }

  /** Sends a request; rejects when it fails or when the thread dies first. */
  request(message: (id: number) => To): Promise<From> {
    const thread = this.#thread;
    if (!thread) return Promise.reject(this.#gone());
    return this.#requests.open((id) => thread.post(message(id)));
  }

  /** Lets the thread end by itself, then ends it. */
  async stop(): Promise<void> {
    const thread = this.#thread;
    this.#closing = true;
    if (!thread) return;
    const exited = new Promise<void>((resolve) => {
      this.#exited = resolve;
    });
    thread.post(this.#options.exitMessage);
    let hurry: NodeJS.Timeout | undefined;
    const ended = new Promise<void>((resolve) => {
      hurry = setTimeout(() => void thread.terminate().finally(resolve), EXIT_MS);
    });
    await Promise.race([exited, ended]);
    clearTimeout(hurry);
  }

  #start(): void {
    this.#thread = this.#options.factory(
      this.index,
      (message) => this.#receive(message),
      (reason) => this.#exit(reason),
    );
  }

  #receive(message: From): void {
    const reply = this.#options.replyTo(message);
    if (reply === undefined) this.#options.onMessage(message);
    else if (reply.error === undefined) this.#requests.resolve(reply.id, message);
    else this.#requests.reject(reply.id, new Error(reply.error));
  }

  #exit(reason: string): void {
    this.#thread = undefined;
    this.#requests.rejectAll(this.#gone());
    this.#exited();
    if (this.#closing) return;
    this.#deaths++;
    const restarts = this.#limit.died(this.#options.now());
    if (restarts) this.#start();
    this.#options.onDeath(reason, restarts);
  }

  #gone(): Error {
    return new Error(`${this.#options.name} is gone`);
  }
}
