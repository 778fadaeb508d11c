import type { Logger } from "pino";

/** Something that runs in a thread and may die of a fault of its own. */
export interface Supervised {
  stop(): Promise<void>;
}

/** First and longest pause before starting anew, in milliseconds; a run of a minute counts as good, and the pause begins anew. */
const pauses = { first: 100, longest: 10_000, good: 60_000 };

/**
 * Keeps something running: when it ends without having been stopped it is started again, at the same addresses, so that those who talk to it
 * only have to reconnect. `start` gets what ran before.
 */
export class Supervisor<T extends Supervised> {
  #current: T;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #name: string;
  readonly #logger: Logger;
  readonly #again: (before: T) => Promise<T>;
  readonly #ended: (running: T) => Promise<unknown>;

  constructor(options: {
    readonly name: string;
    readonly logger: Logger;
    readonly running: T;
    /** Starts it anew. */
    readonly again: (before: T) => Promise<T>;
    /** Settles when it ends, with the reason. */
    readonly ended: (running: T) => Promise<unknown>;
  }) {
    this.#name = options.name;
    this.#logger = options.logger;
    this.#current = options.running;
    this.#again = options.again;
    this.#ended = options.ended;
    this.#watch(pauses.first);
  }

  get current(): T {
    return this.#current;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    await this.#current.stop();
  }

  #watch(pause: number): void {
    const since = performance.now();
    void this.#ended(this.#current).then((reason) => {
      if (this.#stopping) return;
      this.#logger.error(
        { engine: this.#name, reason: reason instanceof Error ? reason.message : reason },
        "an engine has died; it is started again",
      );
      this.#restart(performance.now() - since > pauses.good ? pauses.first : pause);
    });
  }

  #restart(pause: number): void {
    this.#timer = setTimeout(async () => {
      const next = Math.min(pause * 2, pauses.longest);
      try {
        const started = await this.#again(this.#current);
        if (this.#stopping) return void (await started.stop());
        this.#current = started;
        this.#logger.warn({ engine: this.#name }, "an engine runs again");
        this.#watch(next);
      } catch (error) {
        this.#logger.error({ engine: this.#name, error: (error as Error).message }, "an engine cannot be started; trying again");
        this.#restart(next);
      }
    }, pause);
  }
}
