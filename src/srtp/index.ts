export type { AeadKey, AeadProvider } from "./aead.ts";
export { generateKeying, type SrtpKeying, sameKeying } from "./keying.ts";
export { SrtpReceiver } from "./receiver.ts";
export { SRTP_MAX_OVERHEAD, SrtpSender } from "./sender.ts";
export { findSuite, SRTP_SUITES, type SrtpSuite, type SrtpSuiteName } from "./suites.ts";
export { SrtpFailure, srtpFailureName } from "./transform.ts";
export { cryptoOf, readCrypto, type UnusableCrypto, type UsableCrypto } from "./sdes.ts";
