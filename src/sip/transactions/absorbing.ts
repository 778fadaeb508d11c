import type { Millis } from "../../base/clock.ts";
import type { Target } from "../types.ts";
import type { TransactionContext } from "./context.ts";

/**
 * What is kept of a server transaction when nobody has anything more to say in it: enough to absorb what is repeated until its time is over (timer J
 * of RFC 3261 section 17.2.2, timer L of RFC 6026 section 7.1), and nothing else. The transaction itself holds its request and, by its user, often the
 * whole call; at fifty short calls a second 32 s of those would be most of a server's memory.
 */
export class Remains {
  readonly key: string;
  /** Key of {@link mergeKey}; undefined for a request inside a dialog. */
  readonly merge: string | undefined;
  /** The tag of our responses: the answer to a late CANCEL carries it. */
  readonly localTag: string;
  readonly #context: TransactionContext;
  readonly #target: Target;
  /** Final response to be repeated; undefined where repeated requests are absorbed in silence (INVITE after 2xx). */
  readonly #last: Buffer | undefined;

  constructor(
    context: TransactionContext,
    left: { key: string; merge: string | undefined; localTag: string; target: Target; last: Buffer | undefined },
  ) {
    this.#context = context;
    this.key = left.key;
    this.merge = left.merge;
    this.localTag = left.localTag;
    this.#target = left.target;
    this.#last = left.last;
  }

  /** The request came again. */
  onRetransmission(now: Millis): void {
    if (this.#last !== undefined) this.#context.repeat(this.#target, this.#last, now);
  }

  onTimer(_name: string, _now: Millis): void {
    this.#context.bury(this);
  }
}
