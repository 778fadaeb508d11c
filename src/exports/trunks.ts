/**
 * Types of a further identity check for trunks. A module that exports `checkIdentity` is named at a trunk, `identity: { module: ./module.js }`.
 *
 * @module
 */
export type { SipTransport } from "../trunks/model.ts";
export type { PeerIdentity } from "../trunks/peer-identity.ts";
export type { CallerEvidence, IdentityCheck } from "../trunks/recognition.ts";
