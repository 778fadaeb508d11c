import type { Millis } from "../../base/clock.ts";

/** Nobody is asked to send less: below this there is no picture worth sending. */
const LEAST_BITRATE = 64_000;
/** A REMB that was not repeated for so long says nothing. */
const ESTIMATE_VALID_MS = 10_000;
/** More receivers than this, and the weakest quarter of estimates does not decide for all. */
const FEW = 4;

/** What one receiver takes, bits per second; infinity where it has said nothing. */
export interface Capacity {
  /** Agreed or demanded: never exceeded. */
  readonly limit: number;
  /** Guessed from what arrives. */
  readonly estimate: number;
}

/**
 * What a sender may send so that those who watch it can take it: the least of the limits, and of the estimates the least, or with many receivers the lower
 * quartile: one phone in a tunnel does not make a picture of stamps for a hundred rooms. Infinity for nobody.
 */
export function commonBitrate(receivers: readonly Capacity[]): number {
  let limit = Number.POSITIVE_INFINITY;
  for (const receiver of receivers) limit = Math.min(limit, receiver.limit);
  const estimates = receivers.map(({ estimate }) => estimate).sort((a, b) => a - b);
  const estimate = estimates[estimates.length < FEW ? 0 : Math.floor(estimates.length / 4)] ?? Number.POSITIVE_INFINITY;
  return Math.max(LEAST_BITRATE, Math.min(limit, estimate));
}

/** Reports on fewer packets than these say nothing. */
const FEWEST_PACKETS = 20;
/** Loss alone does not bring a picture below this: it may have other reasons. */
const LEAST_ESTIMATE = 128_000;
/** A guess that was not confirmed for so long is forgotten. */
const GUESS_VALID_MS = 30_000;

/** Guesses from loss what a path takes, as draft-ietf-rmcat-gcc section 6 does: no loss grows, much shrinks, a little leaves alone. */
export class LossEstimate {
  #bitrate = Number.POSITIVE_INFINITY;
  #at: Millis = Number.NEGATIVE_INFINITY;

  /** A report: the share lost, 0 to 1, of so many packets that were sent at `bitrate`. */
  update({ loss, packets }: { readonly loss: number; readonly packets: number }, bitrate: number, now: Millis): void {
    if (packets < FEWEST_PACKETS) return;
    const elapsed = Math.min(5000, now - this.#at);
    const before = this.bitrate(now);
    this.#at = now;
    if (loss > 0.1) this.#bitrate = Math.max(LEAST_ESTIMATE, Math.min(before, bitrate) * (1 - loss / 2));
    else if (loss < 0.02 && before < Number.POSITIVE_INFINITY) {
      this.#bitrate = before * 1.08 ** (elapsed / 1000);
      // Far above what is sent it says nothing any longer.
      if (this.#bitrate > 10_000_000 && this.#bitrate > 4 * bitrate) this.#bitrate = Number.POSITIVE_INFINITY;
    } else this.#bitrate = before;
  }

  bitrate(now: Millis): number {
    return now - this.#at > GUESS_VALID_MS ? Number.POSITIVE_INFINITY : this.#bitrate;
  }
}

/** What one receiver has told of what it takes. */
export class ReceiverCapacity {
  /** b= in SDP; null for none. */
  agreed: number | null = null;
  /** flowControl and the like; null for none. */
  signalled: number | null = null;
  /** TMMBR; infinity for none. */
  demanded = Number.POSITIVE_INFINITY;
  readonly loss = new LossEstimate();
  #remb = Number.POSITIVE_INFINITY;
  #rembAt: Millis = Number.NEGATIVE_INFINITY;

  remb(bitrate: number, now: Millis): void {
    this.#remb = bitrate;
    this.#rembAt = now;
  }

  now(now: Millis): Capacity {
    const limit = Math.min(this.agreed ?? Number.POSITIVE_INFINITY, this.signalled ?? Number.POSITIVE_INFINITY, this.demanded);
    // Whoever estimates for himself knows better than his loss tells.
    const estimate = now - this.#rembAt < ESTIMATE_VALID_MS ? this.#remb : this.loss.bitrate(now);
    return { limit, estimate };
  }
}

/** Decides when a sender is told of another bit rate: less soon, more after a while, and not for every trifle. */
export class BitrateNotices {
  readonly #spacingMs: number;
  readonly #step: number;
  #told: number;
  #at: Millis = Number.NEGATIVE_INFINITY;

  /** `told` is what the far end believes already. `step` is the least change, as a share. */
  constructor(told: number, spacingMs: number, step: number) {
    this.#told = told;
    this.#spacingMs = spacingMs;
    this.#step = step;
  }

  /** Whether to tell `bitrate` now; it counts as told then. */
  tell(bitrate: number, now: Millis): boolean {
    const change = bitrate / this.#told - 1;
    if (Math.abs(change) < this.#step) return false;
    if (now - this.#at < (change < 0 ? this.#spacingMs : 4 * this.#spacingMs)) return false;
    this.#told = bitrate;
    this.#at = now;
    return true;
  }
}
