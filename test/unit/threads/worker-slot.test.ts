import { describe, expect, it } from "vitest";
import { WorkerSlot } from "../../../src/threads/worker-slot.ts";

type To = { readonly kind: "ask"; readonly id: number } | { readonly kind: "exit" };
type From = { readonly id: number; readonly error?: string } | { readonly event: string };

function slot() {
  const threads: { sent: To[]; say(message: From): void; die(reason: string): void }[] = [];
  const events: string[] = [];
  const clock = { now: 0 };
  const made = new WorkerSlot<To, From>({
    name: "the thread",
    index: 3,
    factory: (_index, say, die) => {
      const sent: To[] = [];
      threads.push({ sent, say, die });
      return { post: (message) => sent.push(message), terminate: async () => die("terminated") };
    },
    now: () => clock.now,
    exitMessage: { kind: "exit" },
    replyTo: (message) => ("id" in message ? message : undefined),
    onMessage: (message) => events.push("event" in message ? message.event : "reply"),
    onDeath: (reason, restarted) => events.push(`${reason}: ${restarted ? "restarted" : "given up"}`),
  });
  return { made, threads, events, clock };
}

describe("a worker slot", () => {
  it("gives each request its own reply, in any order, and messages that reply to none to their listener", async () => {
    const { made, threads, events } = slot();
    const [first, second] = [made.request((id) => ({ kind: "ask", id })), made.request((id) => ({ kind: "ask", id }))];
    const ids = threads[0]!.sent.map((message) => (message.kind === "ask" ? message.id : 0));
    threads[0]!.say({ event: "hello" });
    threads[0]!.say({ id: ids[1]!, error: "no" });
    threads[0]!.say({ id: ids[0]! });
    await expect(second).rejects.toThrow("no");
    expect(await first).toEqual({ id: ids[0] });
    expect(events).toEqual(["hello"]);
  });

  it("rejects what a dead thread has not answered, and starts another", async () => {
    const { made, threads, events } = slot();
    const waiting = made.request((id) => ({ kind: "ask", id }));
    threads[0]!.die("crash");
    await expect(waiting).rejects.toThrow("the thread is gone");
    expect(events).toEqual(["crash: restarted"]);
    expect(threads).toHaveLength(2);
    made.post({ kind: "ask", id: 9 });
    expect(threads[1]!.sent).toEqual([{ kind: "ask", id: 9 }]);
  });

  it("is not started a sixth time within a minute, but is when the deaths are further apart", () => {
    const often = slot();
    for (let i = 0; i < 6; i++) often.threads.at(-1)!.die("crash");
    expect(often.threads).toHaveLength(6);
    expect(often.made.alive).toBe(false);
    expect(often.events.at(-1)).toBe("crash: given up");
    const seldom = slot();
    for (let i = 0; i < 12; i++) {
      seldom.clock.now += 15_000;
      seldom.threads.at(-1)!.die("crash");
    }
    expect(seldom.made.alive).toBe(true);
  });

  it("lets the thread end by itself, and is not started again", async () => {
    const { made, threads, events } = slot();
    const stopped = made.stop();
    expect(threads[0]!.sent).toEqual([{ kind: "exit" }]);
    threads[0]!.die("exit code 0");
    await stopped;
    expect(threads).toHaveLength(1);
    expect(events).toEqual([]);
  });
});
