import { type EventPacket, TelephoneEventReceiver } from "../../audio/dtmf/event-receiver.ts";
import type { DtmfEvent } from "../../audio/dtmf/keys.ts";
import type { Millis } from "../../base/clock.ts";
import type { EventFormat } from "../messages.ts";

const NOTHING: readonly DtmfEvent[] = [];

/** Telephone events in every format that the far end may send them in: beside Opus some send at 48,000 Hz, others at 8,000 (RFC 4733 section 2.1). */
export class DigitsIn {
  readonly #receivers = new Map<number, { readonly rate: number; readonly receiver: TelephoneEventReceiver }>();

  /** From now on these are the formats. Keys that are being pressed go on in those that stay. */
  configure(formats: readonly EventFormat[]): void {
    const before = new Map(this.#receivers);
    this.#receivers.clear();
    for (const { receivePayloadType, rate } of formats) {
      const known = before.get(receivePayloadType);
      this.#receivers.set(receivePayloadType, known?.rate === rate ? known : { rate, receiver: new TelephoneEventReceiver(rate) });
    }
  }

  /** Clock of an event's payload type, Hz; undefined for all others. */
  rateOf(payloadType: number): number | undefined {
    return this.#receivers.get(payloadType)?.rate;
  }

  put(payloadType: number, packet: EventPacket, now: Millis): readonly DtmfEvent[] {
    return this.#receivers.get(payloadType)?.receiver.put(packet, now) ?? NOTHING;
  }

  /** Ends presses whose end was lost. */
  handleTimeout(now: Millis): readonly DtmfEvent[] {
    let ended = NOTHING;
    for (const { receiver } of this.#receivers.values()) {
      const events = receiver.handleTimeout(now);
      if (events.length > 0) ended = [...ended, ...events];
    }
    return ended;
  }
}
