import type { IncomingMessage } from "node:http";
import { HostCheck } from "../../src/admin/host-check.ts";
import { readClientHello } from "../../src/security/acme/client-hello.ts";
import { ClientAddresses } from "../../src/security/client-address.ts";
import { bytes, type Reader, text } from "./reader.ts";

const addresses = new ClientAddresses(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]);
const hosts = new HostCheck(["gw.example", "*.rooms.example"]);
const asked = (headers: IncomingMessage["headers"]): IncomingMessage =>
  ({ headers, socket: { remoteAddress: "::ffff:127.0.0.1" } }) as unknown as IncomingMessage;

/** OpenSSL's, of TLS 1.3 and 1.2, as a CA sends them. */
const hellos = [
  "FgMBAQwBAAEIAwPh3+2eJlZep5ngVrXws8kIn0kH4s5g395thetqrteWKSBKm7CTogimXnvc7OLgpuv+rTa9vg/GJb0CFUzHxgEYeQAEEwLALAEAALv/AQABAAAAABIAEAAADWEuZXhhbXBsZS5jb20ACwAE" +
    "AwABAgAKAAQAAgAdACMAAAAQAA0ACwphY21lLXRscy8xABYAAAAXAAAADQA2ADQJBQkGCQQEAwUDBgMIBwgICBoIGwgcCAkICggLCAQIBQgGBAEFAQYBAwMDAQMCBAIFAgYCACsABQQDBAMDAC0AAgEBADMAJgAk" +
    "AB0AIBsHUPBS6fPeQY4rCOzobJdqFOXUSaEHIFK5qGLPRyAX",
  "FgMBAKUBAAChAwPrqcsJf7+R/ltzBXCIQQ72im0tqJ2Wrslym6S9RRVaogAAAsAsAQAAdv8BAAEAAAAAEgAQAAANYS5leGFtcGxlLmNvbQALAAQDAAECAAoABAACAB0AIwAAABAADQALCmFjbWUtdGxzLzEA" +
    "FgAAABcAAAANACoAKAQDBQMGAwgHCAgICQgKCAsIBAgFCAYEAQUBBgEDAwMBAwIEAgUCBgI=",
];

/** Readers of HTTP fields of ours; the requests themselves are Node.js's and fastify's. */
export const webReaders: readonly Reader[] = [
  bytes(
    "tls-client-hello",
    hellos.map((hello) => Buffer.from(hello, "base64")),
    readClientHello,
  ),
  text(
    "http-forwarded",
    ['for=192.0.2.60;proto=http;by=203.0.113.43, for="[2001:db8:cafe::17]:4711", for=_hidden;Host="a\\"b"'],
    (forwarded) => addresses.of(asked({ forwarded })),
  ),
  text("http-forwarded-for", ["192.0.2.60, 10.0.0.7, [2001:db8::1]:4711, unknown"], (list) => {
    addresses.of(asked({ "x-forwarded-for": list, "x-forwarded-proto": list }));
    addresses.of(asked({ "x-forwarded-for": list, forwarded: `for=${list}` }));
  }),
  text("http-host", ["gw.example:8080", "[2001:db8::1]:443", "a.rooms.example."], (host) => hosts.allows(host)),
];
