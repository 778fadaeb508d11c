import type { JoinSetup } from "../../ivr/join-types.ts";
import type { Place } from "../../meetings/room.ts";
import type { Call, Destination } from "./call.ts";
import type { GatewayRefusal } from "./refusals.ts";

/** What a call takes over from another (RFC 3891). */
export interface Handover {
  readonly from: Call;
  /** Undefined while the other call has come to no meeting. */
  readonly place: Place | undefined;
  readonly setup: Pick<JoinSetup, "triesLeft" | "unnamed">;
}

/** How a call stands that another is to replace. */
export interface Standing {
  readonly destination: Destination;
  readonly handover: Handover;
}

/** A call that another is about to replace. */
export interface Takeover {
  readonly from: Call;
  /** Nobody else replaces that call while `by` is being answered. */
  claim(by: Call): void;
  /** What is taken over, once the new call is up; a refusal where the other one was ended meanwhile. */
  take(): Standing | GatewayRefusal;
}
