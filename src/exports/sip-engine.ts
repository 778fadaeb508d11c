/**
 * The embedded SIP engine: speaks drachtio-server's protocol to applications written with drachtio-srf, and SIP to the world. It runs in a thread of
 * its own.
 *
 * @module
 */
export { type SipEngine, startSipEngine } from "../sip-engine/index.ts";
export type { EngineLog, EngineOffence, SipEngineOptions, SipEngineStats } from "../sip-engine/engine.ts";
