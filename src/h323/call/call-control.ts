import type { Millis } from "../../base/clock.ts";
import { earliest, TIMEOUT } from "../../base/machine.ts";
import type * as h225 from "../../wire/h225/index.ts";
import { type ControlMessage, decodeControl, encodeControl } from "../../wire/h245/index.ts";
import { type Address, fromH225, toH225 } from "../address.ts";
import { isEmptySet, type LocalCapabilities } from "../control/capabilities.ts";
import { ControlMachine } from "../control/control.ts";
import type { LocalMedia } from "../control/types.ts";
import { MediaSecurity } from "../security/media-security.ts";
import type { Durations } from "../timers.ts";
import { supports } from "../traversal/h460.ts";
import { MediaTraversal } from "../traversal/media-traversal.ts";
import { FastConnect } from "./fast-connect.ts";
import type { Answering } from "./messages.ts";
import type { ControlEvent } from "../control/types.ts";
import type { CallConfig, CallEvent, CallOutput, ReleaseCode, ReleasedEvent } from "./types.ts";

/** What control uses of its call. */
export interface CallPort {
  readonly over: boolean;
  readonly caller: boolean;
  output(output: CallOutput): void;
  emit(event: CallEvent): void;
  /** Sends tunnelled messages in a Facility of their own. */
  tunnel(control: readonly Uint8Array[]): void;
  release(cause: number, reason: string, by: ReleasedEvent["by"], code?: ReleaseCode): void;
}

/** Most control messages that wait for Connect. */
const MOST_EARLY = 32;
/** How long a peer that has keys but has named no cipher may take to do so, ms. */
const SECURING = 3_000;

type Link = "none" | "tunnel" | "wanted" | "listening" | "connecting" | "open";

/** H.245 of one call, and how its messages travel: inside call signalling, or on a connection opened from either side (H.323 8.2). */
export class CallControl {
  readonly machine: ControlMachine;
  readonly fast: FastConnect;
  /** Firewalls between the peer and us. */
  readonly traversal: MediaTraversal;
  readonly security: MediaSecurity;
  readonly #config: CallConfig;
  readonly #durations: Durations;
  readonly #port: CallPort;
  #capabilities: LocalCapabilities;
  #media: LocalMedia | undefined;
  #tunnel: "unknown" | "yes" | "no" = "unknown";
  #link: Link = "none";
  #address: Address | undefined;
  /** Answers to what the control machine has not seen. */
  readonly #answers: ControlMessage[] = [];
  /** Of the control machine: messages that wait for a way to travel, and events. */
  readonly #unsent: ControlMessage[] = [];
  readonly #untold: ControlEvent[] = [];
  /** By when control must be established. */
  #deadline: Millis | undefined;
  /** Connect has gone, or come. */
  #begun = false;
  /** Callee: control that came before our keys had gone. */
  readonly #early: Uint8Array[] = [];
  /** Until when the peer may say anew by which ciphers it takes media. */
  #securing: Millis | undefined;
  #asked = false;

  constructor(config: CallConfig, durations: Durations, port: CallPort) {
    this.#config = config;
    this.#durations = durations;
    this.#port = port;
    this.#capabilities = config.capabilities;
    const draw = () => {
      const [a = 0, b = 0, c = 0] = config.random(3);
      return (a << 16) | (b << 8) | c;
    };
    this.machine = new ControlMachine({ capabilities: config.capabilities, terminalType: config.terminalType, draw, durations });
    this.traversal = new MediaTraversal(config.traversal);
    this.security = new MediaSecurity(config.encryption ?? "none", config.random);
    this.fast = new FastConnect(this.machine, (event) => port.emit(event));
  }

  get dump() {
    return { tunnel: this.#tunnel, link: this.#link, fast: this.fast.state, control: this.machine.state };
  }
  /** What our messages say in `h245Tunnelling`. */
  get tunnelling(): boolean {
    return this.#tunnel === "unknown" ? this.#config.style.tunnelling : this.#tunnel === "yes";
  }
  /** The peer has said whether it tunnels. */
  get decided(): boolean {
    return this.#tunnel !== "unknown";
  }
  get separate(): boolean {
    return this.#tunnel === "no";
  }
  /** Connect can say how control is reached, or need not. */
  get reachable(): boolean {
    return this.#tunnel === "yes" || this.#link === "open" || this.#address !== undefined;
  }

  setCapabilities(capabilities: LocalCapabilities): void {
    this.#capabilities = capabilities;
    this.machine.setCapabilities(capabilities);
  }

  setMedia(media: LocalMedia, now: Millis): void {
    this.#media = media;
    this.machine.setMedia(media, now);
  }

  /** Caller: what Setup carries of fast connect and control. */
  opening(now: Millis): { readonly setup: Partial<h225.SetupUUIE>; readonly control: readonly Uint8Array[] } {
    const { style } = this.#config;
    const features = this.traversal.features(true);
    const tokens = this.security.offer();
    // Fast connect opens channels in clear, and says nothing of firewalls: where either may be, it waits for H.245.
    const clear = features.supportedFeatures === undefined && tokens.length === 0;
    const fastStart =
      style.fastStart && clear && this.#media !== undefined ? this.fast.propose(this.#capabilities.audio, this.#media, now) : undefined;
    let control: Uint8Array[] = [];
    // Capabilities that say nothing of ciphers would have to be said again.
    if (style.tunnelling && style.earlyControl && tokens.length === 0) {
      this.machine.start(now);
      this.#collect();
      control = this.#unsent.splice(0).map(encodeControl);
    }
    if (fastStart === undefined) return { setup: { ...features, ...(tokens.length === 0 ? {} : { tokens }) }, control };
    // H.323 8.2.4: beside fast connect, h245Control must not be in Setup.
    return { setup: { fastStart, ...(control.length > 0 ? { parallelH245Control: control } : {}) }, control: [] };
  }

  /** Whether the peer tunnels, by its Setup or its first answer. */
  agree(peerTunnels: boolean): void {
    this.#tunnel = this.#config.style.tunnelling && peerTunnels ? "yes" : "no";
  }

  /** Callee: what goes into a message on the way to Connect. */
  answering(last: boolean, now: Millis): Answering {
    // Its channels would be in clear, and know of no firewall: refused where either is.
    const fits = this.traversal.role === undefined && this.security.clear;
    const fast = this.fast.answer(this.#capabilities.audio, fits ? this.#media : undefined, last, now);
    const tokens = last ? this.security.answer() : [];
    const own = this.#tunnel !== "yes" && this.#link !== "open" && this.#address !== undefined;
    return {
      ...fast,
      ...this.features,
      ...(own ? { h245Address: toH225(this.#address!) } : {}),
      ...(tokens.length > 0 ? { tokens } : {}),
    };
  }

  /** Callee: features that every message on the way to Connect names. */
  get features(): Pick<Answering, "featureSet"> {
    const { supportedFeatures } = this.traversal.features(false);
    return supportedFeatures === undefined ? {} : { featureSet: supports(...supportedFeatures) };
  }

  /** Caller: what a message of the callee's says of fast connect. */
  answered(body: Answering | undefined, now: Millis): void {
    this.traversal.answered(body);
    this.security.answered(body?.tokens);
    this.fast.answered(body, this.#capabilities.audio, now);
  }

  /** After Connect: gets H.245 going by whatever way there is. */
  begin(offered: boolean, now: Millis): void {
    if (this.fast.state !== "done" && !this.machine.established) this.#deadline = now + this.#durations.control;
    if (this.#tunnel === "yes") {
      if (this.machine.started) this.machine.repeat(now);
      else this.machine.start(now);
    } else if (this.#port.caller && !offered && this.#link === "none") this.listen();
    this.#begun = true;
    this.tunnelled(this.#early.splice(0), now);
  }

  listen(): void {
    if (this.#link !== "none") return;
    this.#link = "wanted";
    this.#port.output({ type: "listen-control" });
  }

  /** The peer says where it takes the control connection; `instead` of tunnelling, where that is what it has done so far (H.323 8.2.3). */
  offered(address: h225.TransportAddress, instead = false): void {
    const to = fromH225(address);
    const tunnels = this.#tunnel === "yes" && (!instead || this.#config.tunnelOnly === true);
    if (to === undefined || this.#link === "open" || this.#link === "connecting" || tunnels) return;
    if (to.host !== this.#config.peer.host) {
      this.#port.emit({ type: "ignored", what: `control address ${to.host} of another host than the peer's` });
      return;
    }
    this.#link = "connecting";
    this.#port.output({ type: "connect-control", to });
  }

  /** The listener asked for is at `address`. False when it is not wanted any more. */
  listening(address: Address): boolean {
    if (this.#link !== "wanted") return false;
    this.#link = "listening";
    this.#address = address;
    return true;
  }

  connected(now: Millis): void {
    if (this.#link === "open") return;
    this.#link = "open";
    // Started in Setup for a peer that does not tunnel: once more.
    if (this.machine.started) this.machine.repeat(now);
    else this.machine.start(now);
  }

  /** The connection could not be opened, or was closed. Without media agreed the call cannot live. */
  closed(reason: string): void {
    if (this.#link === "none" || this.#link === "tunnel") return;
    this.#link = "none";
    if (this.machine.ended || this.fast.state === "done") return;
    this.#port.release(41, `control connection: ${reason}`, "network", "connection-lost");
  }

  /** Messages inside a call signalling message. */
  tunnelled(messages: readonly Uint8Array[] | undefined, now: Millis): void {
    // H.323 8.2.1: what is tunnelled without both having agreed is not for us.
    if (this.#tunnel !== "yes" || this.#link === "open") return;
    if (messages === undefined || messages.length === 0) return;
    // Control in Setup (H.323 8.2.4) that is answered before Connect opens channels before both have the keys of
    // H.235.6: it waits for them.
    if (!this.#port.caller && !this.#begun && this.security.agreed) {
      this.#early.push(...messages.slice(0, MOST_EARLY - this.#early.length));
      return;
    }
    this.machine.together(() => {
      for (const bytes of messages) this.received(bytes, now);
    }, now);
  }

  received(bytes: Uint8Array, now: Millis): void {
    let message: ControlMessage;
    try {
      message = decodeControl(bytes);
    } catch (error) {
      this.#port.emit({ type: "ignored", what: error instanceof Error ? error.message : String(error), malformed: true });
      return;
    }
    const checked = this.security.incoming(message);
    if (checked.type === "take") {
      const set = checked.message.request?.terminalCapabilitySet;
      if (set !== undefined && !isEmptySet(set)) this.#secure(now);
      this.traversal.incoming(checked.message);
      this.machine.handle(checked.message, now);
    } else if (checked.type === "answer") this.#answers.push(checked.message);
    else this.#port.release(79, checked.reason, "us", "not-encrypted");
  }

  /**
   * A capability set has come. One that names no cipher though both have keys was made before they were agreed on: the
   * peer is asked to say it again, and our channels
   * wait for that, or they would come up in clear.
   */
  #secure(now: Millis): void {
    if (this.#securing !== undefined) this.#secured(now);
    else if (this.security.agreed && this.security.unsaid && !this.#asked) {
      this.#asked = true;
      this.#securing = now + SECURING;
      this.machine.withhold(true, now);
      this.machine.askCapabilities();
    }
  }
  #secured(now: Millis): void {
    this.#securing = undefined;
    this.machine.withhold(false, now);
  }

  #collect(): void {
    for (const output of this.machine.drain())
      if (output.type === "message") this.#unsent.push(output.message);
      else this.#untold.push(output.event);
  }

  /** Moves what the machine has left: its messages to where they travel, its events to the call's. */
  flush(): void {
    this.#collect();
    const events = this.#untold.splice(0);
    for (const event of events) this.security.heard(event);
    const { messages, failure } = this.#link === "open" || this.#tunnel === "yes" ? this.#outgoing() : { messages: [], failure: undefined };
    // How a channel is protected, and passes a firewall, is told before that it is open.
    for (const event of [...this.security.drain(), ...this.traversal.drain()]) this.#port.emit(event);
    for (const event of events) {
      this.#port.emit(event);
      if (event.type === "established") this.#deadline = undefined;
      else if (event.type === "control-failed") this.#failed(event.reason);
      else if (event.type === "session-ended" && !this.#port.over) this.#port.release(16, "session ended by the peer", "peer");
    }
    if (failure !== undefined) this.#port.release(79, failure, "us", "not-encrypted");
    if (this.#port.over || messages.length === 0) return;
    if (this.#link === "open") for (const bytes of messages) this.#port.output({ type: "control", bytes });
    else {
      this.#link = "tunnel";
      this.#port.tunnel(messages);
    }
  }

  /**
   * H.245 that fails costs a call that has no media by it; one that is up goes on with those it has (H.323 8.1.7: by
   * fast connect it needs no H.245).
   */
  #failed(reason: string): void {
    if (this.machine.established || this.fast.state === "done") this.#port.emit({ type: "ignored", what: `H.245: ${reason}` });
    else this.#port.release(47, reason, "us", "no-media");
  }

  /** What is to be sent: channels as the peer is to see them. After a failure nothing is. */
  #outgoing(): { readonly messages: Uint8Array[]; readonly failure: string | undefined } {
    const messages = this.#answers.splice(0).map(encodeControl);
    this.#collect();
    for (const message of this.#unsent.splice(0)) {
      const checked = this.security.outgoing(message);
      if ("fail" in checked) return { messages: [], failure: checked.fail };
      messages.push(encodeControl(this.traversal.outgoing(checked, this.#media)));
    }
    return { messages, failure: undefined };
  }

  /** Ends the session. What is still to be said is left for ReleaseComplete where control is tunnelled. */
  end(): readonly Uint8Array[] {
    this.#deadline = undefined;
    this.machine.end();
    const control = this.#outgoing().messages;
    if (this.#link === "open") for (const bytes of control) this.#port.output({ type: "control", bytes });
    return this.#tunnel === "yes" && this.#link !== "open" ? control : [];
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#deadline, this.#securing, this.machine.nextTimeout());
  }

  timeout(now: Millis): void {
    if (this.#deadline !== undefined && this.#deadline <= now) {
      this.#deadline = undefined;
      this.#port.release(41, "control was not established", "us", "no-media");
    }
    if (this.#securing !== undefined && this.#securing <= now) this.#secured(now);
    this.machine.handle(TIMEOUT, now);
  }
}
