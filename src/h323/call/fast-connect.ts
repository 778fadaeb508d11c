import type { Millis } from "../../base/clock.ts";
import type { AudioFormat } from "../control/codecs.ts";
import type { ControlMachine } from "../control/control.ts";
import type { ControlEvent, LocalMedia } from "../control/types.ts";
import { accepted, propose, select } from "./fast-start.ts";

type State = "none" | "offered" | "done" | "refused";

/** What an answering message says of fast connect. */
export interface FastAnswer {
  readonly fastStart?: readonly Uint8Array[];
  readonly fastConnectRefused?: true;
}

/** How far fast connect has come in one call (H.323 8.1.7). While it is open, control opens no channels. */
export class FastConnect {
  readonly #control: ControlMachine;
  readonly #emit: (event: ControlEvent) => void;
  #state: State = "none";
  #proposals: readonly Uint8Array[] = [];

  constructor(control: ControlMachine, emit: (event: ControlEvent) => void) {
    this.#control = control;
    this.#emit = emit;
  }

  get state(): State {
    return this.#state;
  }

  /** Caller: what Setup proposes. */
  propose(formats: readonly AudioFormat[], media: LocalMedia, now: Millis): Uint8Array[] {
    this.#open(now);
    return propose(formats, media);
  }

  /** Callee: what Setup has proposed. */
  offered(proposals: readonly Uint8Array[], now: Millis): void {
    this.#proposals = proposals;
    this.#open(now);
  }

  /** Callee: what goes into a message on the way to Connect; in the `last` one it is taken or refused. */
  answer(formats: readonly AudioFormat[], media: LocalMedia | undefined, last: boolean, now: Millis): FastAnswer {
    if (this.#state !== "offered") return {};
    const chosen = media === undefined ? undefined : select(this.#proposals, formats, media);
    if (chosen !== undefined) {
      this.#opened(chosen, now);
      return { fastStart: chosen.elements };
    }
    if (!last) return {};
    this.refuse(now);
    return { fastConnectRefused: true };
  }

  /** Caller: what the callee has taken of our proposals. */
  answered(body: FastAnswer | undefined, formats: readonly AudioFormat[], now: Millis): void {
    if (this.#state !== "offered" || body === undefined) return;
    if (body.fastConnectRefused) this.refuse(now);
    else if (body.fastStart !== undefined && body.fastStart.length > 0) {
      const channels = accepted(body.fastStart, formats);
      if (channels.transmit !== undefined || channels.receive !== undefined) this.#opened(channels, now);
    }
  }

  /** Not taken: H.245 opens the channels. */
  refuse(now: Millis): void {
    if (this.#state !== "offered") return;
    this.#state = "refused";
    this.#control.defer(false, now);
  }

  #open(now: Millis): void {
    this.#state = "offered";
    this.#control.defer(true, now);
  }

  #opened({ transmit, receive }: ReturnType<typeof accepted>, now: Millis): void {
    this.#state = "done";
    this.#control.adopt(transmit, receive);
    this.#control.defer(false, now);
    if (receive !== undefined)
      this.#emit({ type: "receive", line: "audio", channel: receive.number, format: receive.format, rtcp: receive.rtcp });
    if (transmit !== undefined)
      this.#emit({
        type: "transmit",
        line: "audio",
        channel: transmit.number,
        format: transmit.format,
        rtp: transmit.rtp,
        rtcp: transmit.rtcp,
      });
  }
}
