import type { Millis } from "../base/clock.ts";
import type { RegisterSetup } from "./model.ts";

/** Waits after failures (RFC 5626 section 4.5): doubled from the first to the last, each drawn between half and all of it. */
const RETRY_MS = { first: 30_000, last: 1_800_000 } as const;
/** The first failures may be our own start, or a restart over there. */
const SOON_MS = 5_000;
/** A registration is refreshed when so much of its time has passed: there is time for some more tries. */
const REFRESH_AT = 0.8;
const MAX_SECONDS = 86_400;

/** A REGISTER to be sent. */
export interface RegisterAttempt {
  readonly registrar: string;
  /** Expires; 0 takes the registration back. */
  readonly seconds: number;
}

/** What came of an attempt, its challenges answered. */
export interface AttemptResult {
  /** Status; 408 or 503 where nobody was reached. */
  readonly status: number;
  /** Status and reason for people. */
  readonly text: string;
  /** Seconds granted, where the answer says so. */
  readonly granted?: number | undefined;
  /** Min-Expires of a 423. */
  readonly least?: number | undefined;
  readonly retryAfter?: number | undefined;
}

export type RegistrationState = "registering" | "registered" | "failed";

/**
 * Our registration with one trunk (RFC 3261 section 10.2), sans-IO: ask `attempt` at `nextTimeout`, send what it gives, tell what came of it. Keeps the
 * registration fresh, follows 423 and Retry-After, goes to the next registrar where one is not there, and comes back slower and slower.
 */
export class Registration {
  readonly setup: RegisterSetup;
  readonly #random: () => number;
  #seconds: number;
  #registrar = 0;
  #tried = 0;
  #failures = 0;
  #due: Millis | undefined;
  #waiting = false;
  #expiresAt: Millis | undefined;
  #error: string | null = null;

  constructor(setup: RegisterSetup, now: Millis, random: () => number = Math.random) {
    this.setup = setup;
    this.#seconds = setup.seconds;
    this.#due = now;
    this.#random = random;
  }

  get registrar(): string {
    return this.setup.registrars[this.#registrar]!;
  }
  /** Why the last attempt failed; null after one that did not. */
  get error(): string | null {
    return this.#error;
  }
  expiresAt(now: Millis): Millis | undefined {
    return this.#expiresAt !== undefined && this.#expiresAt > now ? this.#expiresAt : undefined;
  }
  state(now: Millis): RegistrationState {
    if (this.expiresAt(now) !== undefined) return "registered";
    return this.#error === null ? "registering" : "failed";
  }

  /** When `attempt` has something to send; undefined while an answer is awaited. */
  nextTimeout(): Millis | undefined {
    return this.#waiting ? undefined : this.#due;
  }

  attempt(now: Millis): RegisterAttempt | undefined {
    if (this.#waiting || this.#due === undefined || now < this.#due) return undefined;
    this.#waiting = true;
    return { registrar: this.registrar, seconds: this.#seconds };
  }

  /** What takes the registration back; undefined where there is none. Nothing follows. */
  withdraw(now: Millis): RegisterAttempt | undefined {
    this.#due = undefined;
    return this.expiresAt(now) === undefined ? undefined : { registrar: this.registrar, seconds: 0 };
  }

  result({ status, text, granted, least, retryAfter }: AttemptResult, now: Millis): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    if (this.#due === undefined) return;
    if (status >= 200 && status < 300) {
      this.#granted(Math.min(granted ?? this.#seconds, MAX_SECONDS), now);
      return;
    }
    if (status === 423 && least !== undefined && least > this.#seconds && least <= MAX_SECONDS) {
      this.#seconds = least;
      this.#due = now;
      return;
    }
    this.#error = text;
    // the registrar is not there, or not in a state to say anything: that is no word about us
    const absent = status === 408 || status >= 500;
    if (absent && ++this.#tried < this.setup.registrars.length) {
      this.#next();
      this.#due = now;
      return;
    }
    if (absent) this.#next();
    this.#tried = 0;
    const wait = Math.min(RETRY_MS.last, this.#failures === 0 && absent ? SOON_MS : RETRY_MS.first * 2 ** Math.max(0, this.#failures - 1));
    this.#failures++;
    this.#due = now + Math.max((retryAfter ?? 0) * 1000, wait * (0.5 + this.#random() / 2));
  }

  #granted(seconds: number, now: Millis): void {
    this.#error = null;
    this.#tried = this.#failures = 0;
    this.#expiresAt = now + seconds * 1000;
    // somebody who grants nothing is asked again all the same, but not at once
    this.#due = now + Math.max(SOON_MS, seconds * 1000 * REFRESH_AT);
  }

  #next(): void {
    this.#registrar = (this.#registrar + 1) % this.setup.registrars.length;
  }
}

/** Our address-of-record with a trunk. */
export function addressOfRecord({ username, domain, registrars }: RegisterSetup): string {
  return `sip:${username}@${domain ?? hostOf(registrars[0] ?? "")}`;
}

/** Host and port of a SIP URI. */
export function hostOf(uri: string): string {
  return /^sips?:(?:[^@]*@)?(\[[^\]]+\](?::\d+)?|[^;?>]+)/i.exec(uri)?.[1] ?? "";
}
