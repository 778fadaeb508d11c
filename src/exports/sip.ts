/**
 * SIP on sockets of one's own (RFC 3261): a user agent over UDP, TCP, TLS and WebSocket that places and takes calls, with transactions, dialogs,
 * digest (RFC 7616), reliable provisional responses (RFC 3262) and the location of servers (RFC 3263). It carries bodies, and does not read them.
 *
 * @module
 */
import { openSipEndpoint as open, type SipEndpoint, type SipEndpointOptions } from "../io/sip/endpoint.ts";

export type { SipEndpoint, SipEndpointOptions };
export type { TransportLimits } from "../io/sip/transports.ts";
export type { TlsSettings } from "../io/tls.ts";
export type { ServerTransaction } from "../sip/layer-api.ts";
export type { Content, EndReason, Session, SessionEvents } from "../sip/session.ts";
export { standardTimers, type TimerBase } from "../sip/timers.ts";
export type { Listener, Source, Target, TransportName } from "../sip/types.ts";
export type { InviteOptions } from "../sip/user-agent.ts";
export type { Credentials } from "../wire/sip/digest.ts";
export { SipRequest, SipResponse } from "../wire/sip/message.ts";
export { formatUri, parseUri, tryParseUri, type Uri } from "../wire/sip/uri.ts";

/** Opens the sockets of an endpoint. Rejects when an address cannot be bound. */
export const openSipEndpoint: (options: SipEndpointOptions) => Promise<SipEndpoint> = open;
