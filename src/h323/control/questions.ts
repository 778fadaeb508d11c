import type { Millis } from "../../base/clock.ts";
import { Timers } from "../../base/machine.ts";
import type { ControlMessage } from "../../wire/h245/index.ts";
import type { Durations } from "../timers.ts";
import type { AudioCodec } from "./codecs.ts";
import { composeModes } from "./modes.ts";
import type { ControlPort } from "./types.ts";

type Response = NonNullable<ControlMessage["response"]>;

/** What we ask a peer that changes nothing by itself: how long the way to it is (H.245 C.8), and to send another codec (C.9). */
export class Questions {
  readonly #port: ControlPort;
  readonly #durations: Durations;
  readonly #timers = new Timers<"T105" | "T109">();
  #roundTrip: { sequence: number; at: Millis } | undefined;
  #roundTrips = 0;
  #modes = 0;

  constructor(port: ControlPort, durations: Durations) {
    this.#port = port;
    this.#durations = durations;
  }

  measureRoundTrip(now: Millis): void {
    if (this.#roundTrip !== undefined) return;
    const sequence = (this.#roundTrips = (this.#roundTrips + 1) & 0xff);
    this.#roundTrip = { sequence, at: now };
    this.#timers.set("T105", now + this.#durations.T105);
    this.#port.send({ request: { roundTripDelayRequest: { sequenceNumber: sequence } } });
  }

  /** Asks for one of these codecs, first wanted most; nothing where H.245 has no mode for any. */
  requestMode(codecs: readonly AudioCodec[], now: Millis): void {
    const requestedModes = composeModes(codecs);
    if (requestedModes.length === 0) return;
    this.#modes = (this.#modes + 1) & 0xff;
    this.#timers.set("T109", now + this.#durations.T109);
    this.#port.send({ request: { requestMode: { sequenceNumber: this.#modes, requestedModes } } });
  }

  /** Takes an answer to either; what answers neither, or an older one, changes nothing. */
  answered({ roundTripDelayResponse: delay, requestModeAck: ack, requestModeReject: reject }: Response, now: Millis): void {
    if (delay !== undefined && this.#roundTrip?.sequence === delay.sequenceNumber) {
      this.#timers.clear("T105");
      this.#port.emit({ type: "round-trip", ms: now - this.#roundTrip.at });
      this.#roundTrip = undefined;
    }
    if ((ack ?? reject)?.sequenceNumber === this.#modes && this.#timers.running("T109")) {
      this.#timers.clear("T109");
      this.#port.emit({ type: "mode-answered", accepted: ack !== undefined });
    }
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  timeout(now: Millis): void {
    for (const name of this.#timers.expire(now)) {
      if (name === "T109") this.#port.emit({ type: "mode-answered", accepted: false });
      else {
        this.#roundTrip = undefined;
        this.#port.emit({ type: "round-trip", ms: undefined });
      }
    }
  }

  clear(): void {
    this.#timers.clearAll();
  }
}
