import { type OutgoingEvent, TelephoneEventSender } from "../../audio/dtmf/event-sender.ts";

const TICK_MS = 20;

/** Digits to be sent as telephone events, with the pauses a dial string may hold: `w` is half a second, `W` a second. */
export class DigitsOut {
  readonly #sender: TelephoneEventSender;
  readonly #waiting: ({ digits: string; durationMs: number } | { pauseMs: number })[] = [];

  /** `rate` is the event clock, Hz. */
  constructor(rate: number) {
    this.#sender = new TelephoneEventSender(rate);
  }

  /** Something is being sent or waits. */
  get busy(): boolean {
    return this.#sender.active || this.#sender.pending > 0 || this.#waiting.length > 0;
  }

  add(digits: string, durationMs: number): void {
    for (const piece of digits.match(/[wW]|[^wW]+/g) ?? []) {
      this.#waiting.push(/^w$/i.test(piece) ? { pauseMs: piece === "W" ? 1000 : 500 } : { digits: piece, durationMs });
    }
  }

  /** 20 ms have passed. The packet to send in place of audio, or undefined: audio as usual. */
  tick(timestamp: number): OutgoingEvent | undefined {
    if (!this.#sender.active && this.#sender.pending === 0) {
      const next = this.#waiting[0];
      if (next && "pauseMs" in next) {
        next.pauseMs -= TICK_MS;
        if (next.pauseMs <= 0) this.#waiting.shift();
        return undefined;
      }
      if (next) {
        this.#sender.enqueue(next.digits, next.durationMs);
        this.#waiting.shift();
      }
    }
    return this.#sender.tick(timestamp);
  }
}
