import type { EslEvent } from "../../../wire/esl/index.ts";
import type { LegCodec } from "../../messages.ts";
import { q850Of } from "./causes.ts";
import type { Core } from "../core.ts";
import { DigitQueue } from "./digits.ts";
import { Executor, type Runnable } from "./executor.ts";
import type { Leg } from "../media/media-leg.ts";
import { Variables } from "./variables.ts";

/** The states of a channel that matter here, with FreeSWITCH's numbers. */
const stateNumbers = {
  CS_NEW: 0,
  CS_INIT: 1,
  CS_ROUTING: 2,
  CS_EXECUTE: 4,
  CS_EXCHANGE_MEDIA: 5,
  CS_PARK: 6,
  CS_HANGUP: 10,
  CS_REPORTING: 11,
  CS_DESTROY: 12,
} as const;
export type ChannelState = keyof typeof stateNumbers;
export type CallState = "DOWN" | "RINGING" | "EARLY" | "ACTIVE" | "HELD" | "HANGUP";

/** Events that carry every variable (switch_channel_event_set_extended_data); the others have the channel's headers only. */
const withVariables = new Set(
  `CHANNEL_CREATE CHANNEL_ORIGINATE CHANNEL_UUID CHANNEL_ANSWER CHANNEL_PARK CHANNEL_UNPARK CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS
  CHANNEL_PROGRESS_MEDIA CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_DATA CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_DESTROY RECORD_START
  RECORD_STOP PLAYBACK_START PLAYBACK_STOP CHANNEL_HOLD CHANNEL_UNHOLD CUSTOM`.split(/\s+/),
);

/** What the SIP side does for a channel. */
export interface Signalling {
  /** Ends the call: BYE, or the final response. Called once. */
  hangup(cause: string): void;
  /** A new offer of ours: every codec under the payload types in force, and where the call is encrypted a key for each suite. */
  offer(): string;
}

/** Who calls, as the SIP side read it. */
export interface Caller {
  readonly name: string;
  readonly number: string;
  readonly destination: string;
  readonly networkAddress: string;
  readonly context: string;
}

/** Finds an application by name. */
export type Applications = (name: string) => Runnable<Channel> | undefined;

/** One call: its state, its variables, what it executes, and its media. */
export class Channel {
  readonly uuid: string;
  readonly name: string;
  readonly caller: Caller;
  readonly variables = new Variables();
  readonly digits = new DigitQueue();
  readonly executor: Executor<Channel>;
  readonly leg: Leg;
  readonly core: Core;
  readonly createdAt: number;
  /** Runs once when the channel has hung up; newest first. */
  readonly #onHangup: (() => void)[] = [];
  readonly signalling: Signalling;
  state: ChannelState = "CS_NEW";
  callState: CallState = "DOWN";
  answeredAt = 0;
  hungupAt = 0;
  codec: LegCodec | undefined;
  secure = false;
  hangupCause: string | undefined;
  /** The other leg of a bridge. */
  bridged: Channel | undefined;
  /** Set by a transfer: when the application it started ends, so does the call (the end of the dialplan). */
  endsWithApplication = false;
  #conference: string | undefined;

  constructor(
    core: Core,
    options: { uuid: string; name: string; caller: Caller; leg: Leg; signalling: Signalling; applications: Applications },
  ) {
    this.core = core;
    this.uuid = options.uuid;
    this.name = options.name;
    this.caller = options.caller;
    this.leg = options.leg;
    this.signalling = options.signalling;
    this.createdAt = core.clock.wall();
    this.executor = new Executor<Channel>(this, options.applications);
    for (const [name, value] of Object.entries({
      direction: "inbound",
      uuid: this.uuid,
      session_id: this.uuid,
      channel_name: this.name,
      call_uuid: this.uuid,
    })) {
      this.variables.set(name, value);
    }
  }

  get isUp(): boolean {
    return this.hangupCause === undefined;
  }

  get answered(): boolean {
    return this.answeredAt !== 0;
  }

  /** Name of the conference the channel is in, for `show channels`. */
  get conference(): string | undefined {
    return this.#conference;
  }
  set conference(name: string | undefined) {
    this.#conference = name;
    this.variables.set("conference_name", name);
  }

  /** Registers what must be undone when the call ends. Runs at once when it has ended. The function returned forgets it. */
  onHangup(undo: () => void): () => void {
    if (!this.isUp) {
      undo();
      return () => {};
    }
    this.#onHangup.push(undo);
    return () => {
      const at = this.#onHangup.indexOf(undo);
      if (at !== -1) this.#onHangup.splice(at, 1);
    };
  }

  /** Fires an event that carries the channel's data; `headers` come last. */
  fire(name: string, headers: Readonly<Record<string, string | number | undefined>> = {}): void {
    const event = this.core.event(name, "channel");
    this.describe(event, withVariables.has(name));
    for (const [key, value] of Object.entries(headers)) event.set(key, value);
    this.core.fire(event);
  }

  setState(state: ChannelState): void {
    if (this.state === state) return;
    this.state = state;
    this.fire("CHANNEL_STATE");
  }

  setCallState(callState: CallState): void {
    if (this.callState === callState) return;
    const old = this.callState;
    this.callState = callState;
    this.fire("CHANNEL_CALLSTATE", {
      "Original-Channel-Call-State": old,
      "Channel-Call-State-Number": String(
        ["DOWN", "DIALING", "RINGING", "EARLY", "ACTIVE", "HELD", "RING_WAIT", "HANGUP"].indexOf(callState),
      ),
    });
  }

  /** A digit came from the far end. */
  receiveDigit(digit: string, durationMs: number, source: "RTP" | "INBAND_AUDIO" | "ENDPOINT" | "APP"): void {
    if (!this.isUp) return;
    // Durations are in ticks of 8000 Hz, whatever the codec.
    this.fire("DTMF", { "DTMF-Digit": digit, "DTMF-Duration": Math.round(durationMs * 8), "DTMF-Source": source });
    this.digits.push(digit);
  }

  /** Ends the call. `signalled`: the far end ended it, so there is nothing to send. Once only. */
  hangup(cause: string, signalled = false): void {
    if (!this.isUp) return;
    this.hangupCause = cause;
    this.hungupAt = this.core.clock.wall();
    this.variables.set("hangup_cause", cause);
    this.variables.set("hangup_cause_q850", q850Of(cause));
    this.variables.set("sip_hangup_disposition", signalled ? "recv_bye" : "send_bye");
    this.state = "CS_HANGUP";
    this.setCallState("HANGUP");
    this.fire("CHANNEL_HANGUP");
    if (!signalled) this.signalling.hangup(cause);
    for (const undo of this.#onHangup.splice(0).reverse()) undo();
    this.executor.stop();
    this.#finish().catch((error: unknown) =>
      this.core.log("error", "a channel did not end cleanly", { uuid: this.uuid, error: String(error) }),
    );
  }

  async #finish(): Promise<void> {
    const stats = await this.leg.close();
    if (stats) setStats(this.variables, stats.counters);
    await this.executor.idle();
    const now = this.core.clock.wall();
    this.variables.set("duration", Math.round((now - this.createdAt) / 1000));
    this.variables.set("billsec", this.answeredAt === 0 ? 0 : Math.round((now - this.answeredAt) / 1000));
    this.state = "CS_REPORTING";
    this.fire("CHANNEL_HANGUP_COMPLETE");
    this.state = "CS_DESTROY";
    this.fire("CHANNEL_DESTROY");
    this.onDestroyed();
  }

  /** Set by the owner: the channel is gone. */
  onDestroyed: () => void = () => {};

  /** Writes the channel's data into an event: its headers, the caller's, and with `variables` every variable. */
  describe(event: EslEvent, variables = true): void {
    this.describeBasic(event);
    if (variables) for (const [name, value] of this.variables) event.headers.set(`variable_${name}`, value);
  }

  /** What conference events carry of a channel (switch_channel_event_set_basic_data). */
  describeBasic(event: EslEvent): void {
    const headers = event.headers;
    headers.set("Channel-State", this.state);
    headers.set("Channel-Call-State", this.callState);
    headers.set("Channel-State-Number", String(stateNumbers[this.state]));
    headers.set("Channel-Name", this.name);
    headers.set("Unique-ID", this.uuid);
    headers.set("Call-Direction", "inbound");
    headers.set("Presence-Call-Direction", "inbound");
    headers.set("Channel-HIT-Dialplan", "true");
    headers.set("Channel-Call-UUID", this.uuid);
    headers.set("Answer-State", !this.isUp ? "hangup" : this.answered ? "answered" : "ringing");
    if (this.hangupCause !== undefined) headers.set("Hangup-Cause", this.hangupCause);
    if (this.codec) {
      const rate = codecRate[this.codec.name];
      for (const side of ["Read", "Write"]) {
        headers.set(`Channel-${side}-Codec-Name`, this.codec.name);
        headers.set(`Channel-${side}-Codec-Rate`, String(rate));
        headers.set(`Channel-${side}-Codec-Bit-Rate`, this.codec.name === "opus" ? "0" : "64000");
      }
    }
    this.#describeCaller(event);
  }

  #describeCaller(event: EslEvent): void {
    const { name, number, destination, networkAddress, context } = this.caller;
    const micros = (ms: number) => String(Math.round(ms * 1000));
    const fields: Record<string, string> = {
      Direction: "inbound",
      Username: number,
      "Logical-Direction": "inbound",
      Dialplan: "XML",
      "Caller-ID-Name": name,
      "Caller-ID-Number": number,
      "Orig-Caller-ID-Name": name,
      "Orig-Caller-ID-Number": number,
      "Network-Addr": networkAddress,
      ANI: number,
      "Destination-Number": destination,
      "Unique-ID": this.uuid,
      Source: "mod_sofia",
      Context: context,
      "Channel-Name": this.name,
      "Profile-Index": "1",
      "Profile-Created-Time": micros(this.createdAt),
      "Channel-Created-Time": micros(this.createdAt),
      "Channel-Answered-Time": micros(this.answeredAt),
      "Channel-Progress-Time": "0",
      "Channel-Progress-Media-Time": micros(this.answeredAt),
      "Channel-Hangup-Time": micros(this.hungupAt),
      "Channel-Transfer-Time": "0",
      "Channel-Resurrect-Time": "0",
      "Channel-Bridged-Time": "0",
      "Channel-Last-Hold": "0",
      "Channel-Hold-Accum": "0",
      "Screen-Bit": "true",
      "Privacy-Hide-Name": "false",
      "Privacy-Hide-Number": "false",
    };
    for (const [key, value] of Object.entries(fields)) if (value !== "") event.headers.set(`Caller-${key}`, value);
  }

  /** The data sent in reply to `connect`: the caller's headers under the name Channel as well. */
  describeForConnect(event: EslEvent): void {
    const caller = new Map<string, string>();
    this.#describeCaller({ headers: caller } as EslEvent);
    for (const [key, value] of caller) event.headers.set(key.replace(/^Caller-/, "Channel-"), value);
    this.describe(event);
  }
}

const codecRate = { PCMU: 8000, PCMA: 8000, G722: 16000, opus: 48000 } as const;

/** PCM rate of a leg's codec, Hz. */
export function rateOf(codec: LegCodec | undefined): number {
  return codec ? codecRate[codec.name] : 8000;
}

/** Counters as `rtp_audio_…` variables. */
export function setStats(variables: Variables, counters: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counters))
    variables.set(`rtp_audio_${name}`, Number.isInteger(value) ? String(value) : value.toFixed(2));
}
