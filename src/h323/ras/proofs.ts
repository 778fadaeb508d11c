import { createHash } from "node:crypto";
import type { Millis } from "../../base/clock.ts";
import { sourceOf } from "../../base/ip-address.ts";
import type { RasMessage } from "../../wire/h225/index.ts";
import type { RasAddress } from "../address.ts";
import { bodyOf, CLOCK_SKEW, readTokens } from "./security.ts";
import type { Verdict } from "./token-types.ts";

/** A request that is not answered is sent again with the same token, so long after the first: three tries (H.225.0 table 21), seconds. */
const REPEATED = 20;
/** Tokens and messages remembered. Only who knows a password adds one, 500 messages in ten seconds at most; beyond this many none is believed. */
const MOST = 40_000;

interface Seen {
  readonly sender: string;
  readonly at: number;
}

export interface ProofPort {
  /** Password of an alias; undefined where it needs none; null where it may not register. */
  readonly password: (alias: string) => string | undefined | null;
  /** Seconds since 1970 at `now` 0. */
  readonly epoch: number;
  /** A token from there is made with another password, or is not compared since too many were. */
  readonly wrongPassword?: (from: RasAddress) => void;
  /** Slows down who guesses passwords; nobody is slowed down where it is absent. */
  readonly guesses?: {
    allow(source: string, user: string, now: Millis): boolean;
    wrong(source: string, user: string, now: Millis): void;
    right(source: string, user: string, now: Millis): void;
  };
}

/** Whether messages prove who has sent them (H.235.1, or the password hash of H.235.0), and prove it the first time: tokens are bound to their sender. */
export class Proofs {
  readonly #port: ProofPort;
  readonly #seen = new Map<string, Seen>();

  constructor(port: ProofPort) {
    this.#port = port;
  }

  /** Whether any of the names has a password. */
  needed(names: readonly string[]): boolean {
    return names.some((name) => typeof this.#port.password(name) === "string");
  }

  /**
   * Why a message does not prove every one of `names` that has a password; undefined where it does, or none has. A token of one of `senders` proves each
   * name that has its password: endpoints sign with one of their names.
   */
  objection(
    { names, senders, message, bytes }: { names: readonly string[]; senders: readonly string[]; message: RasMessage; bytes: Uint8Array },
    from: RasAddress,
    now: Millis,
  ): Exclude<Verdict, "good"> | undefined {
    const seconds = this.#port.epoch + Math.floor(now / 1000);
    const passwords = new Set(names.map((name) => this.#port.password(name)).filter((password) => typeof password === "string"));
    if (passwords.size === 0) return undefined;
    const tokens = readTokens(bodyOf(message), bytes);
    const { guesses } = this.#port;
    const source = sourceOf(from.host);
    const user = (names[0] ?? "").toLowerCase();
    // what is not compared is answered as a wrong password is
    if (tokens.length > 0 && guesses?.allow(source, user, now) === false) {
      this.#port.wrongPassword?.(from);
      return "wrong";
    }
    const used = new Set<string>();
    for (const password of passwords) {
      let verdict: Verdict = "missing";
      for (const token of tokens) {
        const checked = token.check({ senders, password, seconds });
        if (checked === "good") used.add(token.id);
        if (verdict !== "good" && checked !== "missing") verdict = checked;
      }
      if (verdict === "wrong") {
        guesses?.wrong(source, user, now);
        this.#port.wrongPassword?.(from);
      }
      if (verdict !== "good") return verdict;
    }
    // An MD5 token is the same in all that its sender signs within a second, from whatever port; a whole message comes
    // again from the very same place only.
    const host = `${from.host} ${from.connection ?? "udp"}`;
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (![...used].every((id) => this.#first(id, host, seconds))) return "replayed";
    if (!this.#first(digest, `${host} ${from.port}`, seconds)) return "replayed";
    guesses?.right(source, user, now);
    return undefined;
  }

  #first(id: string, sender: string, seconds: number): boolean {
    for (const [old, { at }] of this.#seen) {
      // Beyond this its time is too far off by itself. In the order they came: the first that stays ends it.
      if (seconds - at <= 2 * CLOCK_SKEW) break;
      this.#seen.delete(old);
    }
    const before = this.#seen.get(id);
    if (before !== undefined) return before.sender === sender && seconds - before.at <= REPEATED;
    if (this.#seen.size >= MOST) return false;
    this.#seen.set(id, { sender, at: seconds });
    return true;
  }
}
