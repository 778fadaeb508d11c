export { type DnsClient, dnsClient } from "./dns.ts";
export { type ClosedConnection, SipDriver, type SipDriverOptions } from "./sip-driver.ts";
export { openSipEndpoint, type SipEndpoint, type SipEndpointOptions } from "./sip-endpoint.ts";
export { type ListenSpec, standardLimits, type TransportLimits } from "./sip-transports.ts";
export { cipherList, type TlsSettings } from "./tls.ts";
