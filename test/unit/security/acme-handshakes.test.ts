import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { connect, type ConnectionOptions, createServer as createTlsServer, type Server, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readClientHello } from "../../../src/security/acme/client-hello.ts";
import { ChallengeHandshakes } from "../../../src/security/acme/handshakes.ts";
import { createAuthority, type Issued, issueCertificate } from "../../../src/security/issue.ts";

const kind = "ecdsa-p256" as const;
const ACME = "acme-tls/1";
let ours: Issued;
let theirs: Issued;
let server: Server;
const handshakes = new ChallengeHandshakes();

beforeAll(async () => {
  const authority = await createAuthority({ subject: { commonName: "root" }, kind });
  ours = await issueCertificate(authority, { subject: { commonName: "ours.example.com", names: ["ours.example.com"] }, kind });
  theirs = await issueCertificate(authority, { subject: { commonName: "challenge", names: ["a.example.com"] }, kind });
  server = createTlsServer({ cert: ours.chain, key: ours.key, requestCert: true, rejectUnauthorized: false });
  server.on("secureConnection", (socket) => socket.on("error", () => {}).pipe(socket));
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  handshakes.guard(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => void server.close());

const challenge = () => ({
  domain: "a.example.com",
  token: "t",
  keyAuthorization: "t.p",
  certificate: { cert: theirs.cert, key: theirs.key },
});
const port = (): number => (server.address() as AddressInfo).port;

/** The name of the certificate that is shown, the protocol, and what comes back of `ping`. */
function ask(options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect({ host: "127.0.0.1", port: port(), rejectUnauthorized: false, ...options }, () => {
      const shown = socket.getPeerX509Certificate()?.subject?.split("CN=")[1]?.split("\n")[0];
      socket.on("data", (data) => end(`${shown} ${String(socket.alpnProtocol)} ${data.toString()}`));
      socket.on("close", () => end(`${shown} ${String(socket.alpnProtocol)} closed`));
      socket.write("ping");
    });
    const end = (what: string): void => {
      resolve(what);
      socket.destroy();
    };
    socket.on("error", () => end("refused"));
  });
}

/** What a client sends first. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = connect({ host: "127.0.0.1", port: (listener.address() as AddressInfo).port, rejectUnauthorized: false, ...options });
  client.on("error", () => {});
  const [socket] = (await once(listener, "connection")) as [Socket];
  const [data] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  socket.destroy();
  listener.close();
  return data;
}

describe("challenges on a listener of the gateway's", () => {
  it("are answered to acme-tls/1 alone and the names that are being proven, and other peers are shown ours whatever they offer", async () => {
    const acme = { servername: "a.example.com", ALPNProtocols: [ACME] };
    const peers = async () => {
      // a peer that offers protocols of which we have none, as SIP providers do, one without any, and one without a name
      expect(await ask({ servername: "ours.example.com" })).toBe("ours.example.com false ping");
      expect(await ask({ servername: "a.example.com", ALPNProtocols: ["sip/2", "h2"] })).toBe("ours.example.com false ping");
      expect(await ask({ minVersion: "TLSv1.2", maxVersion: "TLSv1.2" })).toBe("ours.example.com false ping");
    };
    expect(await ask(acme)).toBe("ours.example.com false ping");
    await peers();
    handshakes.replace([challenge()]);
    expect(await ask(acme)).toBe(`challenge ${ACME} closed`);
    expect(await ask({ ...acme, maxVersion: "TLSv1.2" })).toBe(`challenge ${ACME} closed`);
    expect(await ask({ ...acme, servername: "b.example.com" })).toBe("ours.example.com false ping");
    expect(await ask({ servername: "a.example.com", ALPNProtocols: [ACME, "sip/2"] })).toBe("ours.example.com false ping");
    await peers();
    handshakes.replace([]);
    expect(await ask(acme)).toBe("ours.example.com false ping");
  });

  it("wait for a first message that comes in pieces, and let go what is none", async () => {
    handshakes.replace([challenge()]);
    const hello = await helloOf({ servername: "a.example.com", ALPNProtocols: [ACME] });
    const socket = connectTcp(port(), "127.0.0.1");
    for (let at = 0; at < hello.length; at += 97) {
      socket.write(hello.subarray(at, at + 97));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer[0]).toBe(22);
    socket.destroy();
    for (const junk of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"]) {
      const stranger = connectTcp(port(), "127.0.0.1");
      stranger.on("error", () => {}).resume();
      stranger.write(junk, "latin1");
      await once(stranger, "close");
    }
    handshakes.replace([]);
  });
});

describe("a ClientHello", () => {
  it("names the server and the protocols, and is waited for until it is whole", async () => {
    const hello = await helloOf({ servername: "A.example.com", ALPNProtocols: ["sip/2", ACME] });
    expect(readClientHello(hello)).toEqual({ serverName: "a.example.com", protocols: ["sip/2", ACME] });
    for (let length = 0; length < hello.length; length++) expect(readClientHello(hello.subarray(0, length))).toBe("more");
    expect(readClientHello(await helloOf({}))).toEqual({ serverName: undefined, protocols: [] });
  });

  it("may come in several records, and is not waited for beyond what any has", async () => {
    const hello = await helloOf({ servername: "a.example.com", ALPNProtocols: [ACME] });
    const record = (part: Buffer): Buffer => Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), part]);
    const message = hello.subarray(5);
    const split = Buffer.concat([record(message.subarray(0, 3)), record(message.subarray(3, 200)), record(message.subarray(200))]);
    expect(readClientHello(split)).toEqual({ serverName: "a.example.com", protocols: [ACME] });
    expect(readClientHello(Buffer.concat(Array.from({ length: 20 }, () => record(Buffer.from([1])))))).toBeUndefined();
    for (const other of ["GET /", "\x15\x03\x01\x00\x02\x02\x28", "\x16\x02\x00\x00\x10", "\x16\x03\x01\x00\x04\x01\xff\xff\xff"])
      expect(readClientHello(Buffer.from(other, "latin1"))).toBeUndefined();
  });
});
