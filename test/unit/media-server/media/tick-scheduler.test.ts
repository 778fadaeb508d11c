// When who ticks.
import { describe, expect, it } from "vitest";
import { Conductor, type Group, PHASE_MS, PHASES } from "../../../../src/media-server/media/tick-scheduler.ts";
import { Pacer } from "../../../../src/media-server/media/pacer.ts";
import { PhaseChoice } from "../../../../src/media-server/media/phase-choice.ts";

class Noted implements Group {
  readonly at: number[] = [];
  readonly late: number[] = [];
  skipped = 0;
  onTick = () => {};
  tick(now: number, late: number): void {
    this.at.push(now);
    this.late.push(late);
    this.onTick();
  }
  skip(ticks: number): void {
    this.skipped += ticks;
  }
}

/** Runs from `from` until `until`. */
function play(conductor: Conductor, from: number, until: number): void {
  for (let now = from; now < until; now += Math.max(0.1, conductor.wait(now))) conductor.run(now);
}

const gaps = (times: readonly number[]) => times.slice(1).map((t, i) => Math.round(t - times[i]!));

describe("the conductor", () => {
  it("ticks every group once in 20 ms, in its phase", () => {
    const conductor = new Conductor(1000);
    const groups = [0, 3, 9].map((phase) => {
      const group = new Noted();
      conductor.place(group, phase, 1000);
      return { phase, group };
    });
    play(conductor, 1000, 2000);
    for (const { phase, group } of groups) {
      expect(group.at.length).toBeGreaterThanOrEqual(49);
      expect(new Set(gaps(group.at))).toEqual(new Set([20]));
      expect((Math.round(group.at[5]! - 1000) % 20) / PHASE_MS).toBe(phase);
    }
  });

  it("never ticks a group twice or not at all while it changes its phase", () => {
    const conductor = new Conductor(0);
    const group = new Noted();
    const steady = new Noted();
    conductor.place(steady, 4, 0);
    conductor.place(group, 0, 0);
    let phase = 0;
    group.onTick = () => {
      if (group.at.length % 4 !== 0) return;
      // round and round, later for a while, then earlier
      phase = (phase + (group.at.length < 150 ? 1 : PHASES - 1)) % PHASES;
      conductor.place(group, phase, group.at.at(-1)!);
    };
    play(conductor, 0, 6000);
    expect(group.at.length).toBeGreaterThan(290);
    expect(Math.max(...gaps(group.at))).toBeLessThanOrEqual(22);
    expect(Math.min(...gaps(group.at))).toBeGreaterThanOrEqual(18);
    expect(new Set(gaps(steady.at))).toEqual(new Set([20]));
  });

  it("leaves 10 to 30 ms between two ticks where the phase leaps", () => {
    for (let to = 1; to < PHASES; to++) {
      const conductor = new Conductor(0);
      const group = new Noted();
      conductor.place(group, 0, 0);
      group.onTick = () => {
        if (group.at.length === 20) conductor.place(group, to, group.at.at(-1)!);
      };
      play(conductor, 0, 1000);
      expect(Math.max(...gaps(group.at))).toBeLessThanOrEqual(30);
      expect(Math.min(...gaps(group.at))).toBeGreaterThanOrEqual(10);
    }
  });

  it("lets a long stall's time go in every phase, and says so to each group", () => {
    const conductor = new Conductor(0);
    const groups = [2, 7].map((phase) => {
      const group = new Noted();
      conductor.place(group, phase, 0);
      return group;
    });
    play(conductor, 0, 200);
    expect(conductor.overdue(1200)).toBeGreaterThan(980);
    play(conductor, 1200, 1400);
    for (const group of groups) {
      expect(group.skipped).toBeGreaterThan(45);
      expect(group.at.length + group.skipped).toBeGreaterThanOrEqual(68);
      expect(group.at.length + group.skipped).toBeLessThanOrEqual(70);
      expect(Math.max(...group.late)).toBeLessThan(20);
    }
    const [first] = groups;
    conductor.remove(first!);
    const before = first!.at.length;
    play(conductor, 1400, 1500);
    expect(first!.at.length).toBe(before);
  });

  it("begins in a phase that was empty with the next tick, and not with those that nobody wanted", () => {
    const conductor = new Conductor(0);
    const group = new Noted();
    conductor.place(group, 5, 5003);
    expect(conductor.overdue(5003)).toBe(0);
    play(conductor, 5003, 5100);
    expect(group.at.map(Math.round)).toEqual([5010, 5030, 5050, 5070, 5090]);
    expect(group.skipped).toBe(0);
    const pacer = new Pacer(0);
    pacer.resume(70);
    expect([pacer.due, pacer.wait(70)]).toEqual([80, 10]);
  });
});

describe("the choice of a phase", () => {
  const choose = (streams: readonly (readonly [at: number, weight?: number, every?: number])[], present = 0) => {
    const choice = new PhaseChoice(0);
    choice.begin();
    for (const [at, weight = 1, every = 20] of streams) choice.add({ at, weight, every });
    return choice.best(present);
  };

  it("is just after the packets are there", () => {
    expect(choose([[6.5]])).toBe(4);
    expect(choose([[1006.5], [2005]])).toBe(4);
    expect(choose([[18.5]], 5)).toBe(0);
  });

  it("leaves the widest gap between the streams before them", () => {
    // nothing comes between 12 and 3
    expect(choose([[4], [7], [10], [12]], 3)).toBe(7);
  });

  it("is for those who talk", () => {
    expect(
      choose(
        [
          [3, 0.01],
          [5, 0.01],
          [12.5, 0.5],
        ],
        3,
      ),
    ).toBe(7);
  });

  it("knows that packets of 10 ms come twice in 20 ms", () => {
    expect([2, 7]).toContain(choose([[2.5, 1, 10]], 5));
  });

  it("stays where a change would gain next to nothing, or where nobody is", () => {
    expect(choose([[6]], 4)).toBe(4);
    expect(choose([], 7)).toBe(7);
  });

  it("goes a step at a time, by earlier ticks only where nobody's packets are missed for it", () => {
    const step = (streams: readonly number[], present: number) => {
      const choice = new PhaseChoice(0);
      choice.begin();
      for (const at of streams) choice.add({ at, weight: 1, every: 20 });
      return choice.step(present);
    };
    // ready at 4 and 5, ticking at 12: straight back
    expect(step([4, 5], 6)).toBe(5);
    expect(step([4, 5], 1)).toBe(2);
    // one is ready at 10 only: back over it would cost a frame
    expect(step([4, 4.5, 5, 5.5, 10], 6)).not.toBe(5);
  });
});
