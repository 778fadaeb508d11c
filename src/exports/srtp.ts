/**
 * SRTP and SRTCP (RFC 3711, 6188, 7714), one direction of one session at a time, and SDES (RFC 4568), which carries its keys in SDP. No sockets.
 *
 * @module
 */
export { generateKeying, type SrtpKeying, sameKeying } from "../srtp/keying.ts";
export { SrtpReceiver } from "../srtp/receiver.ts";
export { cryptoOf, readCrypto, type CryptoStyle, type UnusableCrypto, type UsableCrypto } from "../srtp/sdes.ts";
export { SRTP_MAX_OVERHEAD, SrtpSender } from "../srtp/sender.ts";
export { findSuite, SRTP_SUITES, type SrtpSuite, type SrtpSuiteName } from "../srtp/suites.ts";
export { SrtpFailure, srtpFailureName } from "../srtp/transform.ts";
