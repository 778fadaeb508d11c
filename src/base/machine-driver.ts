import type { Clock, Millis } from "./clock.ts";
import { type Machine, TIMEOUT } from "./machine.ts";

/** Node.js takes a longer wait for none at all. */
const LONGEST_MS = 2 ** 31 - 1;

export interface MachineDriverOptions<M, Output> {
  readonly machine: M;
  readonly clock: Pick<Clock, "now">;
  /** Does what the machine asks for. It may tell the machine something. */
  readonly perform: (output: Output) => void;
  /** The timer keeps no process alive. */
  readonly unref?: boolean;
  /** Told of a fault in a timeout; thrown where absent, which ends the thread. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Runs one machine (`machine.ts`): performs its outputs, keeps its one timer. */
export class MachineDriver<Output, M extends Machine<Output>> {
  readonly machine: M;
  readonly #options: MachineDriverOptions<M, Output>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is armed for. */
  #armedFor: Millis = Number.POSITIVE_INFINITY;
  #performing = false;
  #closed = false;

  constructor(options: MachineDriverOptions<M, Output>) {
    this.machine = options.machine;
    this.#options = options;
  }

  /** Tells the machine something and does what follows. Nothing once closed. */
  act(action: (machine: M, now: Millis) => void): void {
    if (this.#closed) return;
    action(this.machine, this.#options.clock.now());
    this.flush();
  }

  /** Does what the machine has left to be done, for who has told it something otherwise, and arms the timer. */
  flush(): void {
    if (this.#performing || this.#closed) return;
    this.#performing = true;
    try {
      for (let outputs = this.machine.drain(); outputs.length > 0; outputs = this.machine.drain())
        for (const output of outputs) this.#options.perform(output);
    } finally {
      this.#performing = false;
    }
    this.#arm();
  }

  /** Nothing is done or told any more, but for outputs that are being performed. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** A timer that is armed too early is left: most are put off again and again, and it costs less to look once more when it ends. */
  #arm(): void {
    const due = this.#closed ? undefined : this.machine.nextTimeout();
    if (due === undefined || due >= this.#armedFor) return;
    clearTimeout(this.#timer);
    this.#armedFor = due;
    const wait = Math.min(LONGEST_MS, Math.max(0, Math.ceil(due - this.#options.clock.now())));
    this.#timer = setTimeout(this.#onTimer, wait);
    if (this.#options.unref === true) this.#timer.unref?.();
  }

  readonly #onTimer = (): void => {
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#options.clock.now();
    const due = this.machine.nextTimeout();
    if (due !== undefined && due <= now) this.#timeout(now);
    this.flush();
  };

  #timeout(now: Millis): void {
    try {
      this.machine.handle(TIMEOUT, now);
    } catch (error) {
      const { onError } = this.#options;
      if (onError === undefined) throw error;
      onError(error);
    }
  }
}
