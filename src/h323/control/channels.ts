import type { Millis } from "../../base/clock.ts";
import { Timers } from "../../base/machine.ts";
import type { OpenLogicalChannel, OpenLogicalChannelAck, OpenLogicalChannelReject } from "../../wire/h245/index.ts";
import { type Address, fromH245, toH245 } from "../address.ts";
import type { AudioFormat } from "./codecs.ts";
import { AUDIO, type Kind, type MediaFormat, rtpParameters, withParameters } from "./lines.ts";
import type { ControlPort, LineMedia } from "./types.ts";

type RejectCause = OpenLogicalChannelReject["cause"];
type State = "opening" | "open";

export interface Transmit<F> {
  readonly number: number;
  readonly format: F;
  state: State;
}

interface Receive<F> {
  readonly number: number;
  readonly format: F;
}

type TimerName = `open ${number}` | `close ${number}`;

/** What the lines of a call share. */
export interface ChannelOwner extends ControlPort {
  /** Number for a channel of ours. */
  take(): number;
  /** Numbers up to here are taken by fast connect. */
  taken(number: number): void;
  /** Whether we are the master, who names sessions. */
  readonly master: boolean;
}

/** The channels of one line in both directions, at most one each: H.245 B (LCSE) for ours, its other end for the peer's. */
export class Channels<F extends MediaFormat> {
  readonly #kind: Kind<F>;
  readonly #owner: ChannelOwner;
  readonly #durations: { readonly T103: number; readonly closing: number };
  readonly #timers = new Timers<TimerName>();
  #transmit: Transmit<F> | undefined;
  #receive: Receive<F> | undefined;

  constructor(kind: Kind<F>, owner: ChannelOwner, durations: { readonly T103: number; readonly closing: number }) {
    this.#kind = kind;
    this.#owner = owner;
    this.#durations = durations;
  }

  get transmitting(): Transmit<F> | undefined {
    return this.#transmit;
  }
  /** Codec the peer sends, if it does. */
  get receiving(): F | undefined {
    return this.#receive?.format;
  }
  get receivingNumber(): number | undefined {
    return this.#receive?.number;
  }
  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  /** Channels that fast connect has opened. Their numbers are the proposals'. */
  adopt(transmit: { number: number; format: F } | undefined, receive: { number: number; format: F } | undefined): void {
    if (transmit !== undefined) {
      this.#transmit = { ...transmit, state: "open" };
      this.#owner.taken(transmit.number);
    }
    if (receive !== undefined) this.#receive = receive;
  }

  /** Asks the peer to take what we send in `format`. */
  open(format: F, media: LineMedia, now: Millis): void {
    const number = this.#owner.take();
    this.#transmit = { number, format, state: "opening" };
    this.#timers.set(`open ${number}`, now + this.#durations.T103);
    // Of a session beyond the fixed ones the slave asks for a number (H.245 6.2.9.1).
    const session = this.#kind.session > 3 && !this.#owner.master ? 0 : this.#kind.session;
    this.#owner.send({ request: { openLogicalChannel: offer(this.#kind, number, format, media, session) } });
  }

  /** The peer takes our channel. */
  acked(ack: OpenLogicalChannelAck): void {
    const channel = this.#transmit;
    if (channel?.number !== ack.forwardLogicalChannelNumber || channel.state !== "opening") return;
    this.#timers.clear(`open ${channel.number}`);
    const parameters = ack.forwardMultiplexAckParameters?.h2250LogicalChannelAckParameters;
    const rtp = fromH245(parameters?.mediaChannel);
    if (rtp === undefined) {
      this.#owner.emit({ type: "transmit-refused", line: this.#kind.name, cause: "acknowledged without an address" });
      this.#transmit = undefined;
      return;
    }
    channel.state = "open";
    const rtcp = fromH245(parameters?.mediaControlChannel);
    this.#owner.emit({ type: "transmit", channel: channel.number, ...this.#kind.label(channel.format), rtp, rtcp });
  }

  /** The peer does not take our channel; returns the format that was refused. */
  rejected(reject: OpenLogicalChannelReject): { format: F; cause: string } | undefined {
    const channel = this.#transmit;
    if (channel?.number !== reject.forwardLogicalChannelNumber || channel.state !== "opening") return undefined;
    this.#timers.clear(`open ${channel.number}`);
    this.#transmit = undefined;
    return { format: channel.format, cause: Object.keys(reject.cause)[0] ?? "unspecified" };
  }

  /** The peer wants to send. `accept` are the codecs we receive. */
  opened(olc: OpenLogicalChannel, accept: readonly F[], media: LineMedia): void {
    const number = olc.forwardLogicalChannelNumber;
    const { dataType, multiplexParameters } = olc.forwardLogicalChannelParameters;
    const parameters = multiplexParameters.h2250LogicalChannelParameters;
    const read = this.#kind.read(dataType, accept);
    const cause = this.#objection(olc, read, accept);
    if (cause !== undefined || read === undefined || parameters === undefined) {
      reject(this.#owner, number, cause ?? { unspecified: true });
      return;
    }
    const format = withParameters(read, parameters);
    this.#receive = { number, format };
    this.#owner.send({
      response: {
        openLogicalChannelAck: {
          forwardLogicalChannelNumber: number,
          forwardMultiplexAckParameters: {
            h2250LogicalChannelAckParameters: {
              sessionID: parameters.sessionID || this.#kind.session,
              mediaChannel: toH245(media.rtp),
              mediaControlChannel: toH245(media.rtcp),
              ...(format.payloadType === undefined ? {} : { dynamicRTPPayloadType: format.payloadType }),
            },
          },
        },
      },
    });
    const rtcp = fromH245(parameters.mediaControlChannel);
    this.#owner.emit({ type: "receive", channel: number, ...this.#kind.label(format), rtcp });
  }

  /** Why a channel is refused: H.245 table of OpenLogicalChannelReject causes. */
  #objection(olc: OpenLogicalChannel, format: F | undefined, accept: readonly F[]): RejectCause | undefined {
    const { multiplexParameters } = olc.forwardLogicalChannelParameters;
    const parameters = multiplexParameters.h2250LogicalChannelParameters;
    if (olc.reverseLogicalChannelParameters !== undefined) return { unsuitableReverseParameters: true };
    if (parameters === undefined) return { dataTypeALCombinationNotSupported: true };
    // Only what was offered is taken, whatever else we could decode.
    if (format === undefined || !accept.some((a) => this.#kind.same(a, format))) return { dataTypeNotSupported: true };
    if (parameters.sessionID !== 0 && !this.#kind.ownSession(parameters.sessionID)) return { invalidSessionID: true };
    if (parameters.mediaChannel?.multicastAddress !== undefined) return { multicastChannelNotAllowed: true };
    // One channel a session; the same number again replaces it.
    const { replacementFor } = olc.forwardLogicalChannelParameters;
    if (this.#receive !== undefined && this.#receive.number !== olc.forwardLogicalChannelNumber && replacementFor === undefined)
      return { dataTypeNotAvailable: true };
    return undefined;
  }

  /** Closes what we send. */
  closeTransmit(now: Millis): void {
    const channel = this.#transmit;
    if (channel === undefined) return;
    this.#timers.clear(`open ${channel.number}`);
    this.#timers.set(`close ${channel.number}`, now + this.#durations.closing);
    this.#transmit = undefined;
    this.#owner.send({ request: { closeLogicalChannel: { forwardLogicalChannelNumber: channel.number, source: { user: true } } } });
    if (channel.state === "open") this.#owner.emit({ type: "transmit-closed", line: this.#kind.name, channel: channel.number });
  }

  /** Asks the peer to close what it sends. */
  refuseReceive(): void {
    if (this.#receive === undefined) return;
    this.#owner.send({ request: { requestChannelClose: { forwardLogicalChannelNumber: this.#receive.number } } });
  }

  closeAcked(number: number): void {
    this.#timers.clear(`close ${number}`);
  }

  /** The peer has closed what it sends. */
  closed(number: number): void {
    if (this.#receive?.number !== number) return;
    this.#receive = undefined;
    this.#owner.emit({ type: "receive-closed", line: this.#kind.name, channel: number });
  }

  /** Returns whether an opening went unanswered. */
  timeout(now: Millis): boolean {
    let unanswered = false;
    for (const name of this.#timers.expire(now)) {
      if (!name.startsWith("open")) continue;
      unanswered = true;
      this.closeTransmit(now);
      this.#owner.emit({ type: "transmit-refused", line: this.#kind.name, cause: "no answer" });
    }
    return unanswered;
  }
}

/** Refuses a channel of the peer's. */
export function reject(port: ControlPort, number: number, cause: RejectCause): void {
  port.send({ response: { openLogicalChannelReject: { forwardLogicalChannelNumber: number, cause } } });
}

function offer<F extends MediaFormat>(
  kind: Kind<F>,
  number: number,
  format: F,
  media: { readonly rtcp: Address },
  sessionID: number,
): OpenLogicalChannel {
  return {
    forwardLogicalChannelNumber: number,
    forwardLogicalChannelParameters: {
      dataType: kind.compose(format),
      multiplexParameters: {
        h2250LogicalChannelParameters: {
          sessionID,
          // H.239 6.2: the presentation goes with the camera's session.
          ...(kind.name === "content" ? { associatedSessionID: 2 } : {}),
          mediaControlChannel: toH245(media.rtcp),
          ...rtpParameters(format),
        },
      },
    },
  };
}

/** OpenLogicalChannel for audio we send; the peer names its address in the acknowledgement. */
export function offerAudio(number: number, format: AudioFormat, media: { readonly rtcp: Address }): OpenLogicalChannel {
  return offer(AUDIO, number, format, media, AUDIO.session);
}
