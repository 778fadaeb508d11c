import type { AliasAddress } from "../../wire/h225/index.ts";
import type { Address } from "../address.ts";
import type { CallIdentity } from "../call/types.ts";
import type { Credentials } from "./security.ts";

export interface RasClientConfig {
  readonly identity: CallIdentity;
  /** Where we take calls, and where RAS answers are to go. */
  readonly signalling: Address;
  readonly ras: Address;
  readonly gatekeeper: Address;
  /** Ask for the gatekeeper first (GRQ); else register at once. */
  readonly discover: boolean;
  readonly gatekeeperIdentifier?: string;
  /** Seconds the registration is to live. */
  readonly timeToLive: number;
  readonly credentials?: Credentials;
  /** We are behind a firewall: ask to be indicated calls (H.460.18). */
  readonly traversal?: boolean;
  /** The gatekeeper is at the other end of a connection (H.460.17): where it says it is, and where others are, counts for nothing. */
  readonly tunnelled?: boolean;
  /** Seconds since 1970 at `now` 0, for tokens. */
  readonly epoch: number;
}

/** A call the gatekeeper is asked about. */
export interface AdmissionQuestion {
  /** Hexadecimal, 16 octets each. */
  readonly callIdentifier: string;
  readonly conferenceId: string;
  readonly callReference: number;
  readonly destination: readonly AliasAddress[];
  /** We are called; `destination` is us. */
  readonly answer: boolean;
  /** In units of 100 bit/s, both directions. */
  readonly bandwidth: number;
}

export type RasEvent =
  | { readonly type: "registered"; readonly endpointIdentifier: string; readonly gatekeeper: Address }
  | { readonly type: "unregistered"; readonly reason: string }
  | {
      readonly type: "admitted";
      readonly callIdentifier: string;
      readonly to: Address | undefined;
      readonly destination: readonly AliasAddress[];
      /** Where it is to be called else, one after the other, when it is not reached at `to` (alternateEndpoints). */
      readonly alternates: readonly Address[];
    }
  | { readonly type: "not-admitted"; readonly callIdentifier: string; readonly reason: string; readonly cause: number }
  /** A call waits for us there; connect and say which call we have come for (H.460.18). */
  | { readonly type: "summoned"; readonly callIdentifier: string; readonly to: Address }
  /** The gatekeeper ends a call. */
  | { readonly type: "drop"; readonly callIdentifier: string };

export type RasOutput =
  | { readonly type: "send"; readonly to: Address; readonly bytes: Uint8Array }
  | { readonly type: "event"; readonly event: RasEvent };
