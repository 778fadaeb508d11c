import { describe, expect, it } from "vitest";
import { CredentialGuesses } from "../../../src/trunks/credential-guesses.ts";

/** How many of a guesser's tries are compared in this many seconds, 1,000 a second. */
function compared(guesses: CredentialGuesses, seconds: number, source: (i: number) => string, user: (i: number) => string): number {
  let count = 0;
  for (let i = 0; i < seconds * 1000; i++) {
    if (!guesses.allow(source(i), user(i), i)) continue;
    guesses.wrong(source(i), user(i), i);
    count++;
  }
  return count;
}

describe("guesses of passwords", () => {
  it("of one source are slowed down, whatever users it tries", () => {
    expect(
      compared(
        new CredentialGuesses(),
        60,
        () => "192.0.2.1",
        (i) => `user${i}`,
      ),
    ).toBe(10);
  });

  it("for one user are slowed down, whatever sources they come from", () => {
    expect(
      compared(
        new CredentialGuesses(),
        60,
        (i) => `192.0.2.${i}`,
        () => "alice",
      ),
    ).toBe(10);
  });

  it("lock out nobody who was right from there before", () => {
    const guesses = new CredentialGuesses();
    guesses.right("198.51.100.9", "alice", 0);
    compared(
      guesses,
      60,
      (i) => `192.0.2.${i}`,
      () => "alice",
    );
    expect(guesses.allow("198.51.100.9", "alice", 60_000)).toBe(true);
    expect(guesses.allow("198.51.100.10", "alice", 60_000)).toBe(false);
    expect(
      compared(
        guesses,
        60,
        () => "198.51.100.9",
        () => "alice",
      ),
    ).toBe(10);
  });

  it("wait ten minutes at most, and are forgotten", () => {
    const guesses = new CredentialGuesses();
    for (let i = 0; i < 100; i++) guesses.wrong("a", "u", 0);
    expect(guesses.allow("a", "u", 599_999)).toBe(false);
    expect(guesses.allow("a", "u", 600_000)).toBe(true);
    guesses.wrong("a", "u", 1_800_001);
    expect(guesses.allow("a", "u", 1_800_001)).toBe(true);
  });

  it("are kept for 20,000 sources and users at most", () => {
    const guesses = new CredentialGuesses();
    for (let i = 0; i < 50_000; i++) guesses.wrong(`s${i}`, `u${i}`, i);
    expect(guesses.size).toBe(20_000);
  });
});
