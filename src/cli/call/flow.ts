import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { MachineDriver } from "../../base/machine-driver.ts";
import { cipherList } from "../../io/index.ts";
import { matchesSipDomain, namesOf } from "../../security/certificates/names.ts";
import { type Listener, type Output, type SipLayer, type Source, type Target, UserAgent } from "../../sip/index.ts";
import { StreamFramer } from "../../wire/sip/framer.ts";
import { CallError, type ClientTls } from "./target.ts";
import { groupOf } from "../../io/tls-session.ts";

/** What TLS came to. */
export interface TlsReport {
  readonly protocol: string;
  readonly cipher: string;
  /** Subject of the server's certificate. */
  readonly server: string;
  /** Whether we showed a certificate. */
  readonly clientCertificate: boolean;
  /** Key exchange group: `X25519MLKEM768` withstands a quantum computer. */
  readonly group: string;
  /** Why the server's certificate is not trusted; null when it is. */
  readonly untrusted: string | null;
}

/**
 * One flow of SIP to one target: a connection, or a datagram socket. Unlike the engine's transports it only calls, and it measures how long
 * each step of connecting takes.
 */
export class SipFlow {
  readonly agent: UserAgent;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly tls: TlsReport | null;
  readonly localAddress: string;
  readonly target: Target;
  readonly #stream: Socket | null;
  readonly #datagrams: UdpSocket | null;
  readonly #driver: MachineDriver<Output, SipLayer>;
  #closed = false;

  private constructor(target: Target, opened: Opened) {
    this.target = target;
    this.#stream = opened.stream ?? null;
    this.#datagrams = opened.datagrams ?? null;
    this.connectMs = opened.connectMs ?? null;
    this.tlsMs = opened.tlsMs ?? null;
    this.tls = opened.tls ?? null;
    this.localAddress = opened.address;
    this.agent = new UserAgent({
      product: "crosspoint-call",
      contactUser: "crosspoint-call",
      handler: { onInvite: (session, now) => session.reject(now, 486) },
    });
    const { transport } = target;
    const listener: Listener = {
      id: 1,
      transport,
      address: opened.address,
      port: opened.port,
      advertisedHost: opened.address,
      advertisedPort: opened.port,
    };
    this.agent.layer.addListener(listener);
    const { layer } = this.agent;
    this.#driver = new MachineDriver({ machine: layer, clock: this, perform: (output) => this.#perform(output) });
    layer.wake = () => queueMicrotask(() => this.#driver.flush());
    this.#receive(listener);
  }

  /** Connects. Throws CallError with what failed. */
  static async open(target: Target, tls: ClientTls): Promise<SipFlow> {
    if (target.transport === "udp") return new SipFlow(target, await openDatagrams(target));
    return new SipFlow(target, await openStream(target, tls));
  }

  now(): number {
    return performance.now();
  }

  close(): void {
    this.#closed = true;
    this.#driver.close();
    this.#stream?.destroy();
    this.#datagrams?.close();
  }

  #receive(listener: Listener): void {
    const source = (address: string, port: number): Source => ({
      transport: listener.transport,
      address,
      port,
      localAddress: listener.address,
      localPort: listener.port,
      connection: this.#stream ? 1 : 0,
      listener: this.#stream ? 0 : listener.id,
    });
    const { layer } = this.agent;
    this.#datagrams?.on("message", (data, from) => layer.receive(data, source(from.address, from.port), this.now()));
    this.#datagrams?.on("error", () => {});
    if (!this.#stream) return;
    const framer = new StreamFramer();
    const here = source(this.target.address, this.target.port);
    this.#stream.on("data", (chunk: Buffer) => {
      for (const frame of framer.push(chunk)) if (frame.kind === "message") layer.receive(frame.data, here, this.now());
    });
    this.#stream.on("error", () => {});
    this.#stream.once("close", () => {
      if (this.#closed) return;
      const lost = { connection: 1, transport: listener.transport, address: here.address, port: here.port, shared: true };
      layer.connectionClosed(lost, this.now());
      this.agent.connectionClosed(lost, this.now());
    });
  }

  #perform(output: Output): void {
    if (output.kind === "send") this.#send(output.target, output.data);
    // Requests inside the call go where the call came from; a name in a Contact is not looked up.
    else if (output.kind === "lookup") this.agent.layer.lookupDone(output.id, [this.target.address], this.now());
  }

  #send(target: Target, data: Buffer): void {
    if (this.#stream) this.#stream.write(data);
    else this.#datagrams?.send(data, target.port, isIP(target.address) ? target.address : this.target.address);
  }
}

interface Opened {
  readonly stream?: Socket;
  readonly datagrams?: UdpSocket;
  readonly address: string;
  readonly port: number;
  readonly connectMs?: number;
  readonly tlsMs?: number;
  readonly tls?: TlsReport;
}

async function openDatagrams(target: Target): Promise<Opened> {
  const type = isIP(target.address) === 6 ? "udp6" : "udp4";
  // One socket is connected only to learn which of our addresses leads there. Answers may come from another one, so the call's is not.
  const scout = createSocket(type);
  const failed = await new Promise<Error | undefined>((resolve) => {
    scout.once("error", resolve);
    scout.connect(target.port, target.address, () => resolve(undefined));
  });
  if (failed) throw new CallError(`${target.address} cannot be reached: ${(failed as NodeJS.ErrnoException).code ?? failed.message}`);
  const { address } = scout.address();
  scout.close();
  const socket = createSocket(type);
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return { datagrams: socket, address, port: socket.address().port };
}

const patience = 10_000;

async function openStream(target: Target, tls: ClientTls): Promise<Opened> {
  const where = `${target.address}:${target.port}`;
  const start = performance.now();
  const socket = connectTcp({ host: target.address, port: target.port, noDelay: true });
  await settled(socket, "connect", `${where} does not take the connection`);
  const connected = performance.now();
  const opened = { address: socket.localAddress!, port: socket.localPort!, connectMs: connected - start };
  if (target.transport !== "tls") return { ...opened, stream: socket };
  const { insecure, domain, ...material } = tls;
  const secured: TLSSocket = connectTls({
    socket,
    ...material,
    ...(isIP(domain) ? {} : { servername: domain }),
    minVersion: "TLSv1.2",
    ciphers: cipherList(false),
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  await settled(secured, "secureConnect", `${where} refuses the TLS handshake`);
  const tlsMs = performance.now() - connected;
  const shown = secured.getPeerX509Certificate();
  const named = shown !== undefined && matchesSipDomain(namesOf(shown), domain);
  const untrusted = secured.authorizationError
    ? String((secured.authorizationError as Error).message ?? secured.authorizationError)
    : named
      ? null
      : `it does not carry the name ${domain}`;
  if (untrusted && !insecure) {
    secured.destroy();
    throw new CallError(
      `the server's certificate is not trusted: ${untrusted}. Name its CA with --ca, or take it as it is with --insecure`,
    );
  }
  const report: TlsReport = {
    protocol: secured.getProtocol() ?? "",
    cipher: secured.getCipher().standardName ?? secured.getCipher().name,
    server: String(shown?.toLegacyObject().subject?.CN ?? ""),
    clientCertificate: tls.cert !== undefined,
    group: groupOf(secured) ?? "",
    untrusted,
  };
  return { ...opened, stream: secured, tlsMs, tls: report };
}

/** Waits for a socket's event. */
function settled(socket: Socket, event: string, failure: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new CallError(`${failure}: no answer in ${patience / 1000} s`)), patience);
    const end = (error?: Error): void => {
      clearTimeout(timer);
      socket.off("error", failed);
      if (error) {
        socket.on("error", () => {});
        socket.destroy();
        reject(error);
      } else resolve();
    };
    const failed = (error: Error): void => end(new CallError(`${failure}: ${(error as NodeJS.ErrnoException).code ?? error.message}`));
    socket.once("error", failed);
    socket.once(event, () => end());
  });
}
