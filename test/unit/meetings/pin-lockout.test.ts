import { describe, expect, it } from "vitest";
import { LOCKOUT, PinLockout, type VerifiedCaller } from "../../../src/meetings/pin-lockout.ts";

const anna: VerifiedCaller = "bank";
const bert: VerifiedCaller = "carrier";

/** An attempt from its start to its end. True when it closed the meeting; null when it was not to be compared. */
function wrong(lockout: PinLockout, now: number, meeting = "2000", caller: VerifiedCaller | null = null): boolean | null {
  return lockout.reserve(meeting, caller, now)?.settle(false, now) ?? null;
}

describe("PIN lockout", () => {
  it("closes at the 21st wrong PIN within ten minutes and opens ten minutes later", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 20; i++) expect(wrong(lockout, i * 1000)).toBe(false);
    expect(lockout.closed("2000", null, 20_000)).toBe(false);
    expect(wrong(lockout, 20_000)).toBe(true);
    expect(lockout.closed("2000", null, 20_000 + LOCKOUT.closedMs - 1)).toBe(true);
    expect(wrong(lockout, 20_000 + LOCKOUT.closedMs - 1)).toBeNull();
    expect(lockout.closed("2000", null, 20_000 + LOCKOUT.closedMs)).toBe(false);
    expect(wrong(lockout, 20_000 + LOCKOUT.closedMs)).toBe(false);
  });

  it("counts attempts before they are compared: of 600 at once 21 are, and a right one among those after them is not", () => {
    const lockout = new PinLockout();
    const reserved = Array.from({ length: 600 }, () => lockout.reserve("2000", null, 0)).filter((one) => one !== null);
    expect(reserved).toHaveLength(21);
    for (const one of reserved) one.settle(false, 30);
    expect(lockout.closed("2000", null, 30)).toBe(true);
    expect(lockout.reserve("2000", null, 30)).toBeNull();
  });

  it("gives the attempt of a right PIN back", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 200; i++) expect(lockout.reserve("2000", null, i)?.settle(true, i)).toBe(false);
    for (let i = 0; i < 20; i++) wrong(lockout, 200);
    expect(lockout.reserve("2000", null, 200)?.settle(true, 200)).toBe(false);
    expect(wrong(lockout, 200)).toBe(true);
  });

  it("does not close when the wrong PINs are spread out", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 200; i++) expect(wrong(lockout, i * 30_001)).toBe(false);
  });

  it("closes one meeting, not another", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 21; i++) wrong(lockout, 0);
    expect(lockout.closed("2000", null, 1)).toBe(true);
    expect(lockout.closed("2001", null, 1)).toBe(false);
  });

  it("is not prolonged by further tries, and opens when the PIN is changed", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 21; i++) wrong(lockout, 0);
    wrong(lockout, 500_000);
    wrong(lockout, 500_000, "2000", anna);
    expect(lockout.closed("2000", null, 600_000)).toBe(false);
    for (let i = 0; i < 21; i++) wrong(lockout, 700_000);
    const late = lockout.reserve("2000", anna, 700_000);
    lockout.clear("2000");
    expect(late?.settle(false, 700_001)).toBe(false);
    expect(lockout.closed("2000", null, 700_001)).toBe(false);
  });

  it("lets a verified caller pass what strangers closed, for 21 wrong PINs of its own", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 21; i++) wrong(lockout, 0);
    expect(lockout.closed("2000", anna, 1)).toBe(false);
    for (let i = 0; i < 21; i++) expect(wrong(lockout, 1, "2000", anna)).toBe(false);
    expect(lockout.closed("2000", anna, 1)).toBe(true);
    expect(lockout.reserve("2000", anna, 1)).toBeNull();
    expect(lockout.closed("2000", bert, 1)).toBe(false);
    expect(lockout.reserve("2000", bert, 1)?.settle(true, 1)).toBe(false);
  });

  it("counts a verified caller's wrong PINs for the meeting too", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 20; i++) wrong(lockout, 0, "2000", anna);
    expect(wrong(lockout, 0, "2000", bert)).toBe(true);
    expect(lockout.closed("2000", null, 1)).toBe(true);
    expect([lockout.closed("2000", anna, 1), lockout.closed("2000", bert, 1)]).toEqual([false, false]);
  });

  it("forgets meetings that were left alone", () => {
    const lockout = new PinLockout();
    for (let i = 0; i < 1000; i++) wrong(lockout, 0, `m${i}`, i % 2 ? anna : null);
    wrong(lockout, 1_300_000, "late");
    expect(lockout.size).toBe(1);
  });
});
