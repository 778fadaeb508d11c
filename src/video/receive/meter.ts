import type { Millis } from "../../base/clock.ts";

const BUCKET_MS = 100;
const BUCKETS = 20;

/** Bits per second over the last two seconds. */
export class RateMeter {
  readonly #bytes = new Float64Array(BUCKETS);
  #bucket = -1;
  #sum = 0;
  #startedAt: Millis = Number.NaN;

  add(bytes: number, now: Millis): void {
    this.#advance(now);
    this.#bytes[this.#bucket % BUCKETS]! += bytes;
    this.#sum += bytes;
  }

  /** A stream younger than two seconds is measured over its age, half a second at least. */
  bitrate(now: Millis): number {
    if (this.#bucket < 0) return 0;
    this.#advance(now);
    const window = Math.min(BUCKETS * BUCKET_MS, Math.max(500, now - this.#startedAt));
    return Math.round((this.#sum * 8 * 1000) / window);
  }

  #advance(now: Millis): void {
    const bucket = Math.floor(now / BUCKET_MS);
    if (this.#bucket < 0) {
      this.#startedAt = now;
      this.#bucket = bucket;
    }
    const steps = Math.min(bucket - this.#bucket, BUCKETS);
    for (let i = 1; i <= steps; i++) {
      const slot = (this.#bucket + i) % BUCKETS;
      this.#sum -= this.#bytes[slot]!;
      this.#bytes[slot] = 0;
    }
    if (bucket > this.#bucket) this.#bucket = bucket;
  }
}
