import { Worker } from "node:worker_threads";

export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** What a thread is asked for. */
export interface DeriveRequest {
  readonly digits: string;
  readonly salt: Uint8Array;
  readonly length: number;
  readonly cost: ScryptCost;
}

type DeriveAnswer = { readonly key: Uint8Array } | { readonly error: string };

interface Task {
  readonly request: DeriveRequest;
  resolve(key: Buffer): void;
  reject(error: Error): void;
}

/** Two comparisons at a time leave the rest of a small machine to signalling and media. */
const THREADS = 2;

/**
 * Threads for scrypt alone, started at the first PIN. What a caller waits for goes before what an operator does, as hashing a thousand PINs of a
 * configuration. They keep no process alive that has nothing to hash.
 */
class PinThreads {
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Task>();
  readonly #callers: Task[] = [];
  readonly #operators: Task[] = [];

  /** Rejects when scrypt refuses its cost, or the thread died. */
  derive(request: DeriveRequest, forCaller: boolean): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      (forCaller ? this.#callers : this.#operators).push({ request, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    while (this.#busy.size < THREADS) {
      const task = this.#callers.shift() ?? this.#operators.shift();
      if (!task) return;
      const worker = this.#idle.pop() ?? this.#start();
      this.#busy.set(worker, task);
      worker.ref();
      worker.postMessage(task.request);
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL("./pin-worker.ts", import.meta.url), { name: "pins", stdin: false });
    let trouble = "it ended";
    worker.on("message", (answer: DeriveAnswer) => {
      const task = this.#busy.get(worker);
      this.#busy.delete(worker);
      this.#idle.push(worker);
      worker.unref();
      if ("key" in answer) task?.resolve(Buffer.from(answer.key));
      else task?.reject(new Error(answer.error));
      this.#next();
    });
    worker.on("error", (error) => {
      trouble = error instanceof Error ? error.message : String(error);
    });
    worker.on("exit", () => {
      const index = this.#idle.indexOf(worker);
      if (index >= 0) this.#idle.splice(index, 1);
      const task = this.#busy.get(worker);
      this.#busy.delete(worker);
      task?.reject(new Error(`the thread that compares PINs failed: ${trouble}`));
      this.#next();
    });
    return worker;
  }
}

const threads = new PinThreads();

/** scrypt (RFC 7914) in a thread of its own kind. `forCaller`: somebody in a call waits for it. */
export function deriveKey(request: DeriveRequest, forCaller: boolean): Promise<Buffer> {
  return threads.derive(request, forCaller);
}
