import type { ControlMessage } from "../wire/h245/index.ts";
import type { Address } from "./address.ts";
import type { AudioFormat, LocalCapabilities, RemoteCapabilities } from "./codecs.ts";
import type { Role } from "./determination.ts";
import type { Durations } from "./timers.ts";

/** Where we receive RTP and RTCP. */
export interface LocalMedia {
  readonly rtp: Address;
  readonly rtcp: Address;
}

/** What H.245 tells its owner. Channel numbers are those of the side that sends. */
export type ControlEvent =
  /** The peer's capabilities, at first or anew. */
  | { readonly type: "capabilities"; readonly remote: RemoteCapabilities }
  /** Capabilities known to both, master and slave decided: channels may be opened. */
  | { readonly type: "established"; readonly role: Role }
  /** We may send to `rtp`. */
  | {
      readonly type: "transmit";
      readonly channel: number;
      readonly format: AudioFormat;
      readonly rtp: Address;
      readonly rtcp: Address | undefined;
    }
  | { readonly type: "transmit-closed"; readonly channel: number }
  /** The peer is going to send; its RTCP is heard at `rtcp`. */
  | { readonly type: "receive"; readonly channel: number; readonly format: AudioFormat; readonly rtcp: Address | undefined }
  | { readonly type: "receive-closed"; readonly channel: number }
  /** No codec of ours is taken. */
  | { readonly type: "transmit-refused"; readonly cause: string }
  /** The peer's empty capability set: stop sending (H.323 8.4.6); and the end of it. */
  | { readonly type: "paused" }
  | { readonly type: "resumed" }
  | {
      readonly type: "digits";
      readonly digits: string;
      readonly via: "signal" | "alphanumeric" | "keypad";
      readonly duration: number | undefined;
    }
  | { readonly type: "round-trip"; readonly ms: number | undefined }
  | { readonly type: "flow-control"; readonly channel: number | undefined; readonly bitsPerSecond: number | undefined }
  | { readonly type: "fast-update"; readonly channel: number }
  | { readonly type: "mode-answered"; readonly accepted: boolean }
  | { readonly type: "session-ended" }
  | { readonly type: "control-failed"; readonly reason: string };

export interface ControlConfig {
  readonly capabilities: LocalCapabilities;
  /** H.323 table 1: 50 a terminal, 60 a gateway, 190 and more an MC. The greater is master. */
  readonly terminalType: number;
  /** Random number below 2^24. */
  readonly draw: () => number;
  readonly durations: Durations;
}

/** What the channel table uses of the machine. */
export interface ControlPort {
  send(message: ControlMessage): void;
  emit(event: ControlEvent): void;
}
