import type { IncomingMessage } from "node:http";
import { HostCheck } from "../../src/admin/host-check.ts";
import { ClientAddresses } from "../../src/security/client-address.ts";
import { type Reader, text } from "./reader.ts";

const addresses = new ClientAddresses(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]);
const hosts = new HostCheck(["gw.example", "*.rooms.example"]);
const asked = (headers: IncomingMessage["headers"]): IncomingMessage =>
  ({ headers, socket: { remoteAddress: "::ffff:127.0.0.1" } }) as unknown as IncomingMessage;

/** Readers of HTTP fields of ours; the requests themselves are Node.js's and fastify's. */
export const webReaders: readonly Reader[] = [
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
