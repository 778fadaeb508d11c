export { type DnsClient, dnsClient } from "./dns.ts";
export { type ClosedConnection, SipDriver, type SipDriverOptions } from "./sip-driver.ts";
export { openSipEndpoint, type SipEndpoint, type SipEndpointOptions } from "./sip-endpoint.ts";
export { type ListenSpec, standardLimits, type TransportLimits } from "./sip-transports.ts";
export { cipherList, type TlsSettings } from "./tls.ts";
export { H323Endpoint, type H323EndpointOptions, type OutgoingOptions, openH323Endpoint } from "./h323-endpoint.ts";
export { type H323Limits, H323Session, h323Limits } from "./h323-session.ts";
export { openRasSocket, RasSocket, type RasSocketOptions } from "./ras-socket.ts";
