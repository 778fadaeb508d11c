import { once } from "node:events";
import { connect, createServer, type SecureVersion, type TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { describeTls, groupOf, handshakeWords } from "../../../src/io/tls-session.ts";
import { makeCertificate } from "../../support/odd-certificates.ts";

it.each([
  [undefined, "TLSv1.3", "X25519MLKEM768"],
  ["X25519", "TLSv1.3", "X25519"],
  ["P-256", "TLSv1.2", "P-256"],
])("both ends tell the group of a client that offers %s by %s: %s", async (ecdhCurve, maxVersion, group) => {
  const { pem, key } = makeCertificate({ subject: [["CN", "x"]] });
  const server = createServer({ cert: pem, key });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = connect({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    maxVersion: maxVersion as "TLSv1.3",
    ...(ecdhCurve ? { ecdhCurve } : {}),
  });
  const connected = once(client, "secureConnect");
  const [socket] = (await once(server, "secureConnection")) as [TLSSocket];
  expect(groupOf(socket)).toBe(group);
  expect(describeTls(socket)).toMatch(new RegExp(`^${maxVersion}, TLS_\\w+, ${group}$`));
  await connected;
  expect(describeTls(client)).toBe(describeTls(socket));
  client.destroy();
  server.close();
});

it.each<[SecureVersion, SecureVersion, RegExp, RegExp]>([
  ["TLSv1.3", "TLSv1.2", /offers no version of TLS that we take/, /takes no version of TLS that we offer/],
  ["TLSv1.2", "TLSv1.1", /offers no version of TLS that we take/, /takes no version of TLS that we offer/],
])("a server from %s and a client up to %s: both say that it is the version", async (minVersion, maxVersion, ours, theirs) => {
  const { pem, key } = makeCertificate({ subject: [["CN", "x"]] });
  const server = createServer({ cert: pem, key, minVersion });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const refused = once(server, "tlsClientError") as Promise<[Error, TLSSocket]>;
  const client = connect({
    port,
    host: "127.0.0.1",
    rejectUnauthorized: false,
    minVersion: "TLSv1",
    maxVersion,
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  const [error] = (await once(client, "error")) as [Error];
  expect(handshakeWords(error)).toMatch(theirs);
  expect(handshakeWords((await refused)[0])).toMatch(ours);
  server.close();
});
