import type { EndCode } from "../../base/call-failure.ts";
import type { AliasAddress } from "../../wire/h225/index.ts";
import type { Address } from "../address.ts";
import type { LocalCapabilities } from "../control/capabilities.ts";
import type { ControlEvent } from "../control/types.ts";
import type { RekeyedEvent } from "../security/key-updates.ts";
import type { MediaPolicy, ProtectedEvent } from "../security/media-security.ts";
import type { Token } from "../ras/token-types.ts";
import type { Durations } from "../timers.ts";
import type { TraversalEvent, TraversalPolicy } from "../traversal/media-traversal.ts";

/** How a call is to be set up. Every one of these falls back to what the peer has. */
export interface CallStyle {
  /** Offer and accept fast connect (H.323 8.1.7). */
  readonly fastStart: boolean;
  /** Offer and accept H.245 inside call signalling (H.323 8.2.1). */
  readonly tunnelling: boolean;
  /** As caller, start H.245 already in Setup: tunnelled in it, beside fast connect as `parallelH245Control` (H.323 8.2.4). */
  readonly earlyControl: boolean;
}

export interface CallIdentity {
  /** Numbers that begin so are ours, as a gatekeeper is told. */
  readonly prefixes?: readonly string[];
  /** Names and numbers of ours, the first shown. */
  readonly aliases: readonly AliasAddress[];
  readonly displayName: string;
  readonly product: string;
  readonly version: string;
}

export interface CallConfig {
  readonly style: CallStyle;
  readonly identity: CallIdentity;
  readonly capabilities: LocalCapabilities;
  readonly terminalType: number;
  /** Our end of the signalling connection and the peer's. */
  readonly local: Address;
  readonly peer: Address;
  /** Random octets; tests give their own. */
  readonly random: (count: number) => Uint8Array;
  readonly durations?: Partial<Durations>;
  /** Whether media are to be encrypted by H.235.6; not at all where absent. A callee may still be told otherwise before it answers. */
  readonly encryption?: MediaPolicy;
  /** No control connection of its own, neither made nor taken: call signalling is encrypted, that one would not be. */
  readonly tunnelOnly?: boolean;
  /** What we can be where a firewall is between us and the peer (H.460.19); no firewall is crossed where absent. */
  readonly traversal?: TraversalPolicy | undefined;
  /** The call's identifier where it is known before the call is placed: 16 octets, hexadecimal. */
  readonly callIdentifier?: string | undefined;
  /** The same of its conference, and the call reference, where a gatekeeper has been asked with them. */
  readonly conferenceId?: string | undefined;
  readonly callReference?: number | undefined;
  /** The gatekeeper's word on this call, put into Setup. */
  readonly endpointIdentifier?: string;
}

/** Whom a caller calls. */
export interface Destination {
  readonly aliases: readonly AliasAddress[];
  /** Digits for the called party number element; from the aliases otherwise. */
  readonly digits?: string;
  /** More digits follow by `sendDigits` (overlap sending). */
  readonly incomplete?: boolean;
}

/** What a Setup says. */
export interface IncomingCall {
  /** Aliases dialled, then the called party number when it is not among them. */
  readonly called: readonly AliasAddress[];
  readonly calledNumber: string | undefined;
  readonly calling: readonly AliasAddress[];
  readonly callingNumber: string | undefined;
  readonly displayName: string | undefined;
  readonly product: string | undefined;
  /** 16 octets, hexadecimal. */
  readonly callIdentifier: string;
  readonly conferenceId: string;
  readonly fastStart: boolean;
  readonly tunnelling: boolean;
  readonly callReference: number;
  /** The caller's media can be encrypted by H.235.6, in a way that we have too. */
  readonly encryption: boolean;
  /** The caller is registered with a gatekeeper, which has sent it here. */
  readonly admitted: boolean;
  /** What is to prove who calls (H.235.1, or the password hash of H.235.0). */
  readonly tokens: readonly Token[];
}

export type CallEvent =
  | ControlEvent
  | TraversalEvent
  | ProtectedEvent
  | RekeyedEvent
  | { readonly type: "incoming"; readonly call: IncomingCall }
  | { readonly type: "proceeding" }
  | { readonly type: "alerting"; readonly inband: boolean }
  | { readonly type: "progress"; readonly inband: boolean }
  | { readonly type: "connected"; readonly displayName: string | undefined; readonly product: string | undefined }
  /** Caller: the callee wants more digits. Callee: more digits have come. */
  | { readonly type: "digits-wanted" }
  | { readonly type: "dialled"; readonly digits: string; readonly complete: boolean }
  /** The peer says where to call instead. */
  | { readonly type: "forwarded"; readonly to: Address | undefined; readonly aliases: readonly AliasAddress[] }
  /** The peer's answer to an inquiry (Q.931 section 3.1.17): its call state, what it has for display, and a Q.850 cause. Nothing of it where none came. */
  | {
      readonly type: "status";
      readonly state: number | undefined;
      readonly display: string | undefined;
      readonly cause: number | undefined;
    }
  /** Something was not taken, and why; the call goes on. `malformed`: it cannot be decoded. */
  | { readonly type: "ignored"; readonly what: string; readonly malformed?: true }
  | ReleasedEvent;

/** The call is over. */
export interface ReleasedEvent {
  readonly type: "released";
  /** Q.850. */
  readonly cause: number;
  readonly by: "peer" | "us" | "network";
  /** Why, where not one of the two sides has just released it. */
  readonly code?: ReleaseCode | undefined;
  readonly reason: string;
}

/** What the machine itself ends a call for. */
export type ReleaseCode = Extract<
  EndCode,
  "connection-lost" | "no-response" | "no-answer" | "no-media" | "not-encrypted" | "protocol-error"
>;

export type CallOutput =
  /** A Q.931 message for the signalling connection, to be framed. */
  | { readonly type: "signalling"; readonly bytes: Uint8Array }
  /** A message for the control connection, to be framed. */
  | { readonly type: "control"; readonly bytes: Uint8Array }
  /** Connect control there; then `controlConnected` or `controlClosed`. */
  | { readonly type: "connect-control"; readonly to: Address }
  /** Listen for control; then `controlListening`, and `controlConnected` when the peer has come. */
  | { readonly type: "listen-control" }
  /** All is said: close every connection of the call once written. */
  | { readonly type: "close" }
  | { readonly type: "event"; readonly event: CallEvent };

/** Q.931 2.1, by name; values of the call state element. */
export const CALL_STATES = {
  null: 0,
  initiated: 1,
  "overlap-sending": 2,
  "outgoing-proceeding": 3,
  delivered: 4,
  present: 6,
  received: 7,
  "incoming-proceeding": 9,
  active: 10,
  "overlap-receiving": 25,
  released: 19,
} as const;
export type CallState = keyof typeof CALL_STATES;
