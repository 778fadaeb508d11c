import type { ControlMessage } from "../../wire/h245/index.ts";
import type { Address } from "../address.ts";
import type { Durations } from "../timers.ts";
import type { LocalCapabilities, RemoteCapabilities } from "./capabilities.ts";
import type { Role } from "./determination.ts";
import type { LineFormat, LineName } from "./lines.ts";

/** Where we receive RTP and RTCP of one line. */
export interface LineMedia {
  readonly rtp: Address;
  readonly rtcp: Address;
  /** Ports shared with others on which it is received too, by that number before each packet (H.460.19). */
  readonly multiplex?: { readonly id: number; readonly rtp: Address; readonly rtcp: Address } | undefined;
}

/** Where we receive: audio, and of the other lines what there is. */
export interface LocalMedia extends LineMedia {
  readonly video?: LineMedia;
  readonly content?: LineMedia;
  readonly camera?: LineMedia;
}

/** What H.245 tells its owner. Channel numbers are those of the side that sends. */
export type ControlEvent =
  /** The peer's capabilities, at first or anew. */
  | { readonly type: "capabilities"; readonly remote: RemoteCapabilities }
  /** Capabilities known to both, master and slave decided: channels may be opened. */
  | { readonly type: "established"; readonly role: Role }
  /** We may send to `rtp`. */
  | (LineFormat & {
      readonly type: "transmit";
      readonly channel: number;
      readonly rtp: Address;
      readonly rtcp: Address | undefined;
    })
  | { readonly type: "transmit-closed"; readonly line: LineName; readonly channel: number }
  /** The peer is going to send; its RTCP is heard at `rtcp`. */
  | (LineFormat & { readonly type: "receive"; readonly channel: number; readonly rtcp: Address | undefined })
  | { readonly type: "receive-closed"; readonly line: LineName; readonly channel: number }
  /** No codec of ours is taken. */
  | { readonly type: "transmit-refused"; readonly line: LineName; readonly cause: string }
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
  /** The most we may send: on one line, or in all. */
  | { readonly type: "flow-control"; readonly line: LineName | undefined; readonly bitsPerSecond: number | undefined }
  /** The peer wants a picture that stands alone. */
  | { readonly type: "fast-update"; readonly line: "video" | "content" }
  /** H.239: the peer wants to present; answer it by `grantPresentation` or `denyPresentation`. */
  | { readonly type: "presentation-wanted" }
  /** H.239: the peer presents no longer. */
  | { readonly type: "presentation-over" }
  /** H.239: whether we may present, as we asked to. */
  | { readonly type: "presentation-answered"; readonly granted: boolean }
  /** H.239: whether the peer takes `requestFlowRelease`. */
  | { readonly type: "flow-release-answered"; readonly accepted: boolean }
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

/** What the parts of a control machine use of it. */
export interface ControlPort {
  send(message: ControlMessage): void;
  emit(event: ControlEvent): void;
}
