import type { MessageType } from "../../wire/h225/index.ts";
import type { CallState } from "./types.ts";

/** Where a message takes the call (Q.931 annex A, as H.225.0 7.3 profiles it). What is not here changes nothing. */
export const TRANSITIONS: { readonly [S in CallState]?: { readonly [M in MessageType]?: CallState } } = {
  null: { setup: "present" },
  initiated: {
    setupAcknowledge: "overlap-sending",
    callProceeding: "outgoing-proceeding",
    progress: "outgoing-proceeding",
    alerting: "delivered",
    connect: "active",
  },
  "overlap-sending": { callProceeding: "outgoing-proceeding", progress: "outgoing-proceeding", alerting: "delivered", connect: "active" },
  "outgoing-proceeding": { progress: "outgoing-proceeding", alerting: "delivered", connect: "active" },
  delivered: { progress: "delivered", alerting: "delivered", connect: "active" },
};
/** Messages that do not change the state, taken in every state of a call. */
export const ANYTIME = new Set<string | number>([
  "facility",
  "information",
  "status",
  "statusInquiry",
  "notify",
  "releaseComplete",
  "connectAcknowledge",
]);
