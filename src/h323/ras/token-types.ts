/** What a token of H.235 is held against, and what comes of it. */

export type Verdict = "good" | "missing" | "stale" | "wrong" | "replayed";

/** What a token is held against. */
export interface Expected {
  /** Names that its sender may have. */
  readonly senders: readonly string[];
  readonly password: string;
  /** Now, since 1970. */
  readonly seconds: number;
}

/** A token of a received message. */
export interface Token {
  /** The same for a token that is sent again. */
  readonly id: string;
  check(expected: Expected): Verdict;
}
