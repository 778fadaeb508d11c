/** What the queue must know of a PIN that waits to be compared. */
export interface PinJob {
  readonly meetingId: string;
  /** Address the caller comes from. */
  readonly source: string;
  /** Verified callers go before strangers of the same meeting. */
  readonly verified: boolean;
}

export interface PinQueueLimits {
  /** Comparisons at a time: as many as there are threads for them. */
  readonly running: number;
  readonly runningPerSource: number;
  readonly waitingPerMeeting: number;
  readonly waiting: number;
}

/** A comparison takes about 40 ms: the last of 250 waits 10 s, which a caller bears. */
export const PIN_QUEUE: PinQueueLimits = { running: 2, runningPerSource: 1, waitingPerMeeting: 250, waiting: 2_000 };

/**
 * The order in which PINs are compared: one a meeting at a time, few a source, meetings in turn, so that a meeting under attack makes no other wait.
 * Pure: whoever drives it starts what `next` gives and calls `done` when that is compared.
 */
export class PinQueue<Job extends PinJob> {
  readonly #limits: PinQueueLimits;
  /** Waiting jobs by meeting, in the order in which meetings are served; a meeting served goes to the end. */
  readonly #lanes = new Map<string, Job[]>();
  readonly #meetings = new Set<string>();
  readonly #sources = new Map<string, number>();
  #running = 0;
  #waiting = 0;

  constructor(limits: PinQueueLimits = PIN_QUEUE) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a job in. Returns the job there is no place for: none, this one, or a stranger's in the longest lane that makes room for it. */
  add(job: Job): Job | null {
    const lane = this.#lanes.get(job.meetingId) ?? [];
    if (lane.length >= this.#limits.waitingPerMeeting) {
      const last = lane.at(-1);
      if (!job.verified || last === undefined || last.verified) return job;
      lane.pop();
      this.#insert(lane, job);
      return last;
    }
    if (this.#waiting < this.#limits.waiting) {
      this.#insert(lane, job);
      this.#waiting++;
      return null;
    }
    const longest = [...this.#lanes.values()].reduce((a, b) => (b.length > a.length ? b : a), lane);
    if (longest === lane) return job;
    const dropped = longest.pop()!;
    if (longest.length === 0) this.#lanes.delete(dropped.meetingId);
    this.#insert(lane, job);
    return dropped;
  }

  /** The job to be compared now; undefined when there is none, or none may be. */
  next(): Job | undefined {
    if (this.#running >= this.#limits.running) return undefined;
    for (const [meetingId, lane] of this.#lanes) {
      if (this.#meetings.has(meetingId)) continue;
      const index = lane.findIndex(({ source }) => (this.#sources.get(source) ?? 0) < this.#limits.runningPerSource);
      if (index < 0) continue;
      const [job] = lane.splice(index, 1) as [Job];
      this.#lanes.delete(meetingId);
      if (lane.length > 0) this.#lanes.set(meetingId, lane);
      this.#waiting--;
      this.#running++;
      this.#meetings.add(meetingId);
      this.#sources.set(job.source, (this.#sources.get(job.source) ?? 0) + 1);
      return job;
    }
    return undefined;
  }

  /** A job that `next` gave is compared, or need not be. */
  done({ meetingId, source }: Job): void {
    this.#running--;
    this.#meetings.delete(meetingId);
    const left = (this.#sources.get(source) ?? 1) - 1;
    if (left > 0) this.#sources.set(source, left);
    else this.#sources.delete(source);
  }

  /** Behind the other verified callers of its meeting, before the strangers. */
  #insert(lane: Job[], job: Job): void {
    if (lane.length === 0) this.#lanes.set(job.meetingId, lane);
    const firstStranger = job.verified ? lane.findIndex(({ verified }) => !verified) : -1;
    lane.splice(firstStranger < 0 ? lane.length : firstStranger, 0, job);
  }
}
