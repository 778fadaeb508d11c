import type { Millis } from "../base/clock.ts";
import type { OpenLogicalChannel, OpenLogicalChannelAck, OpenLogicalChannelReject } from "../wire/h245/index.ts";
import { type Address, fromH245, toH245 } from "./address.ts";
import { type AudioFormat, composeAudio, readAudio } from "./codecs.ts";
import type { ControlPort, LocalMedia } from "./control-types.ts";
import { Timers } from "./timers.ts";

/** Session of audio, H.323 annex B / H.245 table: 1 audio, 2 video, 3 data. */
const AUDIO_SESSION = 1;

type RejectCause = OpenLogicalChannelReject["cause"];
type State = "opening" | "open" | "closing";

interface Transmit {
  readonly number: number;
  readonly format: AudioFormat;
  state: State;
}

interface Receive {
  readonly number: number;
  readonly format: AudioFormat;
}

type TimerName = `open ${number}` | `close ${number}`;

/** Audio channels of both directions: H.245 B (LCSE) for ours, its other end for the peer's. */
export class Channels {
  readonly #port: ControlPort;
  readonly #durations: { readonly T103: number; readonly closing: number };
  readonly #timers = new Timers<TimerName>();
  #next = 1;
  #transmit: Transmit | undefined;
  readonly #receive = new Map<number, Receive>();

  constructor(port: ControlPort, durations: { readonly T103: number; readonly closing: number }) {
    this.#port = port;
    this.#durations = durations;
  }

  get transmitting(): Transmit | undefined {
    return this.#transmit;
  }
  /** Codec the peer sends, if it does. */
  get receiving(): AudioFormat | undefined {
    return [...this.#receive.values()][0]?.format;
  }
  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  /** Channels that fast connect has opened. Their numbers are the proposals'. */
  adopt(transmit: { number: number; format: AudioFormat } | undefined, receive: { number: number; format: AudioFormat } | undefined): void {
    if (transmit !== undefined) {
      this.#transmit = { ...transmit, state: "open" };
      this.#next = Math.max(this.#next, transmit.number + 1);
    }
    if (receive !== undefined) this.#receive.set(receive.number, receive);
  }

  /** Asks the peer to take our audio in `format`. */
  open(format: AudioFormat, media: LocalMedia, now: Millis): void {
    const number = this.#next++;
    this.#transmit = { number, format, state: "opening" };
    this.#timers.set(`open ${number}`, now + this.#durations.T103);
    this.#port.send({ request: { openLogicalChannel: offerAudio(number, format, media) } });
  }

  /** The peer takes our channel. */
  acked(ack: OpenLogicalChannelAck): void {
    const channel = this.#transmit;
    if (channel?.number !== ack.forwardLogicalChannelNumber || channel.state !== "opening") return;
    this.#timers.clear(`open ${channel.number}`);
    const parameters = ack.forwardMultiplexAckParameters?.h2250LogicalChannelAckParameters;
    const rtp = fromH245(parameters?.mediaChannel);
    if (rtp === undefined) {
      this.#port.emit({ type: "transmit-refused", cause: "acknowledged without an address" });
      this.#transmit = undefined;
      return;
    }
    channel.state = "open";
    this.#port.emit({
      type: "transmit",
      channel: channel.number,
      format: channel.format,
      rtp,
      rtcp: fromH245(parameters?.mediaControlChannel),
    });
  }

  /** The peer does not take our channel; returns the format that was refused. */
  rejected(reject: OpenLogicalChannelReject): { format: AudioFormat; cause: string } | undefined {
    const channel = this.#transmit;
    if (channel?.number !== reject.forwardLogicalChannelNumber || channel.state !== "opening") return undefined;
    this.#timers.clear(`open ${channel.number}`);
    this.#transmit = undefined;
    return { format: channel.format, cause: Object.keys(reject.cause)[0] ?? "unspecified" };
  }

  /** The peer wants to send. `accept` are the codecs we receive. */
  opened(olc: OpenLogicalChannel, accept: readonly AudioFormat[], media: LocalMedia): void {
    const number = olc.forwardLogicalChannelNumber;
    const { dataType, multiplexParameters } = olc.forwardLogicalChannelParameters;
    const parameters = multiplexParameters.h2250LogicalChannelParameters;
    const format = readAudio(dataType.audioData);
    const cause = this.#objection(olc, format, accept);
    if (cause !== undefined || format === undefined) {
      this.#port.send({
        response: { openLogicalChannelReject: { forwardLogicalChannelNumber: number, cause: cause ?? { unspecified: true } } },
      });
      return;
    }
    this.#receive.set(number, { number, format });
    this.#port.send({
      response: {
        openLogicalChannelAck: {
          forwardLogicalChannelNumber: number,
          forwardMultiplexAckParameters: {
            h2250LogicalChannelAckParameters: {
              sessionID: parameters?.sessionID || AUDIO_SESSION,
              mediaChannel: toH245(media.rtp),
              mediaControlChannel: toH245(media.rtcp),
            },
          },
        },
      },
    });
    this.#port.emit({ type: "receive", channel: number, format, rtcp: fromH245(parameters?.mediaControlChannel) });
  }

  /** Why a channel is refused: H.245 table of OpenLogicalChannelReject causes. */
  #objection(olc: OpenLogicalChannel, format: AudioFormat | undefined, accept: readonly AudioFormat[]): RejectCause | undefined {
    const { dataType, multiplexParameters } = olc.forwardLogicalChannelParameters;
    const parameters = multiplexParameters.h2250LogicalChannelParameters;
    if (olc.reverseLogicalChannelParameters !== undefined) return { unsuitableReverseParameters: true };
    if (parameters === undefined) return { dataTypeALCombinationNotSupported: true };
    if (dataType.$unknown !== undefined) return { unknownDataType: true };
    if (dataType.h235Media !== undefined || dataType.encryptionData !== undefined) return { securityDenied: true };
    if (dataType.audioData === undefined) return { dataTypeNotSupported: true };
    // Only what was offered is taken, whatever else we could decode.
    if (format === undefined || !accept.some((a) => a.codec === format.codec)) return { dataTypeNotSupported: true };
    if (parameters.sessionID !== AUDIO_SESSION && parameters.sessionID !== 0) return { invalidSessionID: true };
    if (parameters.mediaChannel?.multicastAddress !== undefined) return { multicastChannelNotAllowed: true };
    // One channel a session; the same number again replaces it.
    if (
      this.#receive.size > 0 &&
      !this.#receive.has(olc.forwardLogicalChannelNumber) &&
      olc.forwardLogicalChannelParameters.replacementFor === undefined
    )
      return { dataTypeNotAvailable: true };
    return undefined;
  }

  /** Closes what we send. */
  closeTransmit(now: Millis): void {
    const channel = this.#transmit;
    if (channel === undefined || channel.state === "closing") return;
    this.#timers.clear(`open ${channel.number}`);
    this.#timers.set(`close ${channel.number}`, now + this.#durations.closing);
    this.#transmit = undefined;
    this.#port.send({ request: { closeLogicalChannel: { forwardLogicalChannelNumber: channel.number, source: { user: true } } } });
    if (channel.state === "open") this.#port.emit({ type: "transmit-closed", channel: channel.number });
  }

  closeAcked(number: number): void {
    this.#timers.clear(`close ${number}`);
  }

  /** The peer closes what it sends. */
  closed(number: number): void {
    this.#port.send({ response: { closeLogicalChannelAck: { forwardLogicalChannelNumber: number } } });
    if (this.#receive.delete(number)) this.#port.emit({ type: "receive-closed", channel: number });
  }

  /** The peer asks us to close what we send. */
  closeRequested(number: number, now: Millis): void {
    if (this.#transmit?.number !== number) {
      this.#port.send({ response: { requestChannelCloseReject: { forwardLogicalChannelNumber: number, cause: { unspecified: true } } } });
      return;
    }
    this.#port.send({ response: { requestChannelCloseAck: { forwardLogicalChannelNumber: number } } });
    this.closeTransmit(now);
  }

  /** Returns whether an opening went unanswered. */
  timeout(now: Millis): boolean {
    let unanswered = false;
    for (const name of this.#timers.expire(now)) {
      if (!name.startsWith("open")) continue;
      unanswered = true;
      this.closeTransmit(now);
      this.#port.emit({ type: "transmit-refused", cause: "no answer" });
    }
    return unanswered;
  }
}

/** OpenLogicalChannel for audio we send; the peer names its address in the acknowledgement. */
export function offerAudio(number: number, format: AudioFormat, media: { readonly rtcp: Address }): OpenLogicalChannel {
  return {
    forwardLogicalChannelNumber: number,
    forwardLogicalChannelParameters: {
      dataType: { audioData: composeAudio(format) },
      multiplexParameters: { h2250LogicalChannelParameters: { sessionID: AUDIO_SESSION, mediaControlChannel: toH245(media.rtcp) } },
    },
  };
}
