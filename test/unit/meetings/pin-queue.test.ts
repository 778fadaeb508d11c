import { describe, expect, it } from "vitest";
import { type PinJob, PinQueue } from "../../../src/meetings/pin-queue.ts";

const job = (meetingId: string, source: string, verified = false): PinJob => ({ meetingId, source, verified });
const limits = { running: 2, runningPerSource: 1, waitingPerMeeting: 3, waiting: 5 };

describe("PIN queue", () => {
  it("compares one PIN of a meeting at a time, and meetings in turn", () => {
    const queue = new PinQueue<PinJob>({ ...limits, runningPerSource: 9, waitingPerMeeting: 600, waiting: 600 });
    for (let i = 0; i < 500; i++) queue.add(job("attacked", "192.0.2.1"));
    const guest = job("other", "192.0.2.1");
    queue.add(guest);
    const first = queue.next()!;
    expect(first.meetingId).toBe("attacked");
    expect(queue.next()).toBe(guest);
    expect(queue.next()).toBeUndefined();
    queue.done(guest);
    expect(queue.next()).toBeUndefined();
    queue.done(first);
    expect(queue.next()?.meetingId).toBe("attacked");
    expect(queue.waiting).toBe(498);
  });

  it("compares one PIN of a source at a time: another source waits for no attack", () => {
    const queue = new PinQueue<PinJob>({ ...limits, waiting: 600 });
    for (let i = 0; i < 500; i++) queue.add(job(`m${i}`, "192.0.2.1"));
    queue.next();
    expect(queue.next()).toBeUndefined();
    const guest = job("other", "198.51.100.9");
    queue.add(guest);
    expect(queue.next()).toBe(guest);
  });

  it("takes verified callers before the strangers of their meeting", () => {
    const queue = new PinQueue<PinJob>(limits);
    const [a, b, c] = [job("m", "1"), job("m", "2"), job("m", "3", true)];
    for (const one of [a, b, c]) expect(queue.add(one)).toBeNull();
    const order: unknown[] = [];
    for (let next = queue.next(); next; next = queue.next()) {
      order.push(next);
      queue.done(next);
    }
    expect(order).toEqual([c, a, b]);
  });

  it("is bounded by meeting, and makes room there for verified callers only", () => {
    const queue = new PinQueue<PinJob>(limits);
    const strangers = ["1", "2", "3"].map((source) => job("m", source));
    for (const one of strangers) expect(queue.add(one)).toBeNull();
    const late = job("m", "4");
    expect(queue.add(late)).toBe(late);
    const known = job("m", "5", true);
    expect(queue.add(known)).toBe(strangers[2]);
    expect(queue.next()).toBe(known);
  });

  it("is bounded as a whole: who comes to a quiet meeting takes a place of the longest line", () => {
    const queue = new PinQueue<PinJob>(limits);
    const attack = ["1", "2", "3"].map((source) => job("attacked", source));
    for (const one of [...attack, job("b", "1"), job("c", "1")]) expect(queue.add(one)).toBeNull();
    const guest = job("quiet", "9");
    expect(queue.add(guest)).toBe(attack[2]);
    expect(queue.waiting).toBe(5);
    const another = job("attacked", "9");
    expect(queue.add(another)).toBe(another);
  });
});
