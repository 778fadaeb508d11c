import type { Millis } from "../../base/clock.ts";
import type { AliasAddress } from "../../wire/h225/index.ts";
import type { Address, RasAddress } from "../address.ts";
import type { ProofPort } from "./proofs.ts";

export interface GatekeeperConfig {
  readonly identifier: string;
  /** Where we take RAS and calls. */
  readonly ras: Address;
  readonly signalling: Address;
  /** Longest registration, seconds. */
  readonly timeToLive: number;
  readonly maxEndpoints: number;
  /** Most registrations from one address; 100 where absent. */
  readonly maxPerSource?: number;
  /** Password of an alias; undefined where it needs none; null where it may not register. */
  readonly password: (alias: string) => string | undefined | null;
  /** Whether the gateway itself takes calls for this alias. */
  readonly ours: (alias: string) => boolean;
  /** Other gatekeepers asked by LRQ for what is not here. */
  readonly neighbours: readonly Address[];
  /** Most bandwidth of a call, units of 100 bit/s. */
  readonly maxBandwidth: number;
  /** Seconds that registrations from behind firewalls live: their refreshes keep the firewall open. Undefined: H.460.18 is not offered. */
  readonly traversal?: number | undefined;
  readonly wrongPassword?: NonNullable<ProofPort["wrongPassword"]>;
  /** Slows down who guesses passwords. */
  readonly guesses?: NonNullable<ProofPort["guesses"]>;
  /** Seconds since 1970 at `now` 0. */
  readonly epoch: number;
  readonly random: (count: number) => Uint8Array;
}

/** A registered endpoint. */
export interface Registration {
  readonly endpointIdentifier: string;
  readonly aliases: readonly AliasAddress[];
  readonly signalling: Address;
  /** Where its requests come from: answers go there whatever it says its address is. */
  readonly ras: RasAddress;
  readonly product: string | undefined;
  readonly expires: Millis;
  /** How it is reached behind its firewall, where it is: called by indication, or on the connection its RAS came by. */
  readonly traversal: "h460.17" | "h460.18" | undefined;
}

export type GatekeeperEvent =
  | { readonly type: "registered"; readonly registration: Registration }
  | {
      readonly type: "unregistered";
      readonly registration: Registration;
      readonly reason: "expired" | "asked" | "replaced" | "disconnected";
    }
  /** `reason` is H.225.0's; `detail` says it in words where that says too little. */
  | { readonly type: "refused"; readonly from: Address; readonly what: string; readonly reason: string; readonly detail?: string }
  /** What came from there is no RAS message. */
  | { readonly type: "malformed"; readonly from: RasAddress }
  | { readonly type: "admitted"; readonly from: Registration; readonly callIdentifier: string; readonly to: Address }
  | { readonly type: "disengaged"; readonly from: Registration; readonly callIdentifier: string }
  /** Where a neighbour says that an alias is; undefined where none knows it. */
  | { readonly type: "located"; readonly question: string; readonly to: Address | undefined }
  /** An endpoint behind a firewall does not come for a call. */
  | { readonly type: "not-summoned"; readonly callIdentifier: string };

export type GatekeeperOutput =
  | { readonly type: "send"; readonly to: RasAddress; readonly bytes: Uint8Array }
  | { readonly type: "event"; readonly event: GatekeeperEvent };
