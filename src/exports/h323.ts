/**
 * An H.323 endpoint (H.225.0 call signalling over TCP and TLS, H.245 tunnelled or beside it, fast connect) that places and takes audio calls. It
 * negotiates media and says where they go; RTP is the program's own.
 *
 * @module
 */
export { aliasText } from "../h323/call/messages.ts";
export type { Address } from "../h323/address.ts";
export type { CallEvent, IncomingCall } from "../h323/call/types.ts";
export type { UserInputWay } from "../h323/control/capabilities.ts";
export { type AudioCodec, type AudioFormat, payloadTypeOf } from "../h323/control/codecs.ts";
export type { ControlEvent, LineMedia, LocalMedia } from "../h323/control/types.ts";
export { type H323Uri, parseH323Uri, SIGNALLING_PORT } from "../h323/uri.ts";
export { type H323Call, type H323CallOptions, type H323Calls, type H323CallsOptions, openH323Calls } from "../io/h323/calls.ts";
export type { H323Limits } from "../io/h323/session.ts";
export type { H323TlsOptions } from "../io/h323/tls.ts";
