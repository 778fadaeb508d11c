import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Uri } from "../../wire/sip/uri.ts";
import type { CallOptions } from "./options.ts";
import type { CallReport } from "./report.ts";

/** What a connection tried before the call found; times in milliseconds, null where that step is not taken. */
export interface ConnectionProbe {
  readonly address: string | null;
  readonly dns: number | null;
  readonly connect: number | null;
  readonly tls: number | null;
  readonly session: CallReport["tls"];
  /** Why no call is worth trying, in words. */
  readonly failure?: string;
}

const TIMEOUT_MS = 5000;

/**
 * Looks the host up and, for TCP and TLS, connects once, so that a call that cannot work says which step fails. Where the host has SRV
 * records only, or UDP is used, nothing is concluded: the call itself locates by RFC 3263.
 */
export async function probeConnection({
  uri,
  transport,
  options,
}: {
  uri: Uri;
  transport: string;
  options: CallOptions;
}): Promise<ConnectionProbe> {
  const host = uri.host.replace(/^\[|\]$/g, "");
  const started = performance.now();
  let address = host;
  let dns: number | null = null;
  if (isIP(host) === 0) {
    try {
      address = (await lookup(host)).address;
      dns = performance.now() - started;
    } catch {
      // Perhaps SRV records alone: the call finds out.
      return { address: null, dns: null, connect: null, tls: null, session: null };
    }
  }
  if (transport === "udp") return { address, dns, connect: null, tls: null, session: null };
  const port = uri.port ?? (transport === "tls" ? 5061 : 5060);
  const beforeConnect = performance.now();
  let tcp: Socket;
  try {
    tcp = await settled(connectTcp({ host: address, port }), "connect");
  } catch (error) {
    return {
      address,
      dns,
      connect: null,
      tls: null,
      session: null,
      failure: `cannot connect to ${address} port ${port}: ${messageOf(error)}`,
    };
  }
  const connect = performance.now() - beforeConnect;
  if (transport !== "tls") {
    tcp.destroy();
    return { address, dns, connect, tls: null, session: null };
  }
  const beforeTls = performance.now();
  const socket = connectTls({
    socket: tcp,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ca: [...options.cas],
    minVersion: "TLSv1.2",
    rejectUnauthorized: false,
    ...(options.cert === undefined ? {} : { cert: options.cert }),
    ...(options.key === undefined ? {} : { key: options.key }),
  });
  try {
    await settled(socket, "secureConnect");
  } catch (error) {
    return { address, dns, connect, tls: null, session: null, failure: `TLS handshake failed: ${messageOf(error)}` };
  }
  const tls = performance.now() - beforeTls;
  const session = describe(socket);
  socket.destroy();
  if (!session.verified) {
    return {
      address,
      dns,
      connect,
      tls,
      session,
      failure: `the server's certificate (${session.peer}) does not verify: ${messageOf(socket.authorizationError)}`,
    };
  }
  return { address, dns, connect, tls, session };
}

function describe(socket: TLSSocket): NonNullable<CallReport["tls"]> {
  const certificate = socket.getPeerCertificate();
  const names = certificate.subjectaltname ?? `CN ${String(certificate.subject?.CN ?? "?")}`;
  return { version: socket.getProtocol() ?? "?", cipher: socket.getCipher().name, peer: names, verified: socket.authorized };
}

function settled<T extends Socket>(socket: T, event: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no answer in ${TIMEOUT_MS / 1000} s`));
    }, TIMEOUT_MS);
    socket.once(event, () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
