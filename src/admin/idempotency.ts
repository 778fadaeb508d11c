import { createHash } from "node:crypto";
import { AdminError } from "./ports.ts";

/** An answer that a repeated request gets again. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface Entry {
  readonly request: string;
  readonly at: number;
  readonly answer: Promise<KeptAnswer>;
}

/** Answers are kept so long, ms, and so many. */
const KEPT_FOR = 3_600_000;
const MAX_ENTRIES = 1000;

/**
 * Requests with an `Idempotency-Key`: one that is repeated, since its answer was lost on the way, is not carried out twice but answered as before. In memory: the
 * answers hold tokens that are shown once. A request that failed is not kept, and can be tried again.
 */
export class Idempotency {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  /** `now` is in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Carries out a request of `who` once for each key. Throws AdminError: 400 for a key that is none, 422 for one that another request had. */
  async once(
    key: string,
    who: string,
    request: string,
    carryOut: () => Promise<KeptAnswer>,
  ): Promise<KeptAnswer & { readonly repeated: boolean }> {
    if (key === "" || key.length > 255) throw new AdminError(400, "invalid-idempotency-key", "an Idempotency-Key has 1 to 255 characters");
    const now = this.#now();
    for (const [name, { at }] of this.#entries) {
      if (now - at < KEPT_FOR && this.#entries.size < MAX_ENTRIES) break;
      this.#entries.delete(name);
    }
    const name = `${who} ${key}`;
    const digest = createHash("sha256").update(request).digest("hex");
    const before = this.#entries.get(name);
    if (before !== undefined) {
      if (before.request !== digest)
        throw new AdminError(422, "idempotency-key-reused", "another request had this Idempotency-Key: make a new one for each request");
      return { ...(await before.answer), repeated: true };
    }
    const answer = carryOut();
    this.#entries.set(name, { request: digest, at: now, answer });
    try {
      return { ...(await answer), repeated: false };
    } catch (error) {
      this.#entries.delete(name);
      throw error;
    }
  }
}
