import type { Millis } from "../base/clock.ts";

/** Wrong answers that cost nothing: a password is mistyped, a device has an old one. */
const FREE = 5;
const FIRST_MS = 1_000;
const LONGEST_MS = 600_000;
/** After this long without a wrong answer all is forgotten. */
const FORGET_MS = 1_200_000;
const MAX_KEYS = 20_000;
/** Source and user that were right within this time pass what others' guesses closed. */
const TRUSTED_MS = 86_400_000;

interface Guesses {
  count: number;
  last: Millis;
  until: Millis;
}

/**
 * Slows down whoever guesses passwords: after five wrong answers of one source, or for one user, none is compared for a second, then two, four and so on up to
 * ten minutes. A source that has been right for a user before counts for itself there, so that guesses of others lock no device out. Pure on the given
 * `now`; bounded. The caller answers what is not compared as it answers a wrong password.
 */
export class CredentialGuesses {
  readonly #guesses = new Map<string, Guesses>();
  readonly #trusted = new Map<string, Millis>();

  /** Whether an answer of this source for this user is to be compared now. */
  allow(source: string, user: string, now: Millis): boolean {
    return this.#keys(source, user, now).every((key) => (this.#guesses.get(key)?.until ?? Number.NEGATIVE_INFINITY) <= now);
  }

  wrong(source: string, user: string, now: Millis): void {
    for (const key of this.#keys(source, user, now)) {
      const before = this.#guesses.get(key);
      const count = before && now - before.last <= FORGET_MS ? before.count + 1 : 1;
      const wait = count < FREE ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(30, count - FREE));
      keep(this.#guesses, key, { count, last: now, until: now + wait });
    }
  }

  right(source: string, user: string, now: Millis): void {
    this.#guesses.delete(pairOf(source, user));
    keep(this.#trusted, pairOf(source, user), now + TRUSTED_MS);
  }

  /** Keys counted now; for tests and diagnostics. */
  get size(): number {
    return this.#guesses.size;
  }

  #keys(source: string, user: string, now: Millis): string[] {
    const pair = pairOf(source, user);
    return (this.#trusted.get(pair) ?? Number.NEGATIVE_INFINITY) > now ? [pair] : [`source ${source}`, `user ${user}`];
  }
}

const pairOf = (source: string, user: string): string => `${source} ${user}`;

/** The order of the map is the order of use: the longest unused goes first. */
function keep<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_KEYS) map.delete(map.keys().next().value!);
}
