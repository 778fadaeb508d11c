/** A SIP peer by UDP that says exactly what a test writes, and remembers what it was told; and the whole gateway for it to call. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { loadConfig } from "../../../src/app/config/load.ts";
import { type Running, startCrosspoint } from "../../../src/app/start.ts";
import { parseMessage, type SipMessage, type SipRequest, type SipResponse } from "../../../src/wire/sip/index.ts";

const HOST = "127.0.0.1";

export async function bound(): Promise<Socket> {
  const socket = createSocket("udp4").bind(0, HOST);
  await once(socket, "listening");
  return socket;
}

export async function freePort(): Promise<number> {
  const socket = await bound();
  const { port } = socket.address();
  socket.close();
  return port;
}

/** The gateway on its embedded engines, with a trunk `peer` at `peerPort` of this host. `more` is further configuration. */
export async function startGateway(peerPort: number, media: string, more = ""): Promise<Running & { readonly sipPort: number }> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-peer-"));
  const file = join(folder, "crosspoint.yaml");
  const sipPort = await freePort();
  writeFileSync(
    file,
    `listen: ${HOST}
sip: { udp: ${sipPort}, tcp: off, tls: off }
h323: { signalling: off, ras: off }
web: { port: 0 }
media: { ports: ${media}, workers: 1 }
data: ${join(folder, "data")}
admin: { token: for-this-test-only }
limits: { cpuPercent: 0, eventLoopMs: 0, callsPerSecondPerSource: 0 }
trunks:
  - name: peer
    identity: { networks: [${HOST}] }
    trust: verified
    privateNetwork: true
    target: "sip:${HOST}:${peerPort}"
meetings: [{ id: open, name: Open, aliases: ["1000"] }]
${more}`,
  );
  const { config, mistakes } = loadConfig({ file, env: {} });
  if (!config || mistakes.length > 0) throw new Error(JSON.stringify(mistakes));
  const running = await startCrosspoint(config, pino({ level: "silent" }));
  const stop = running.stop.bind(running);
  return Object.assign(running, {
    sipPort,
    stop: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

export interface SdpOptions {
  readonly port?: number;
  readonly version?: number;
  readonly address?: string;
  readonly protocol?: string;
  /** Payload types of the audio line. */
  readonly formats?: string;
  readonly lines?: readonly string[];
  /** After the audio line and its attributes. */
  readonly after?: readonly string[];
}

/** A description of this peer. */
export function described({
  port = 4000,
  version = 1,
  address = HOST,
  protocol = "RTP/AVP",
  formats = "0 101",
  lines = [],
  after = [],
}: SdpOptions = {}): string {
  const events = /\b101\b/.test(formats) ? ["a=rtpmap:101 telephone-event/8000"] : [];
  return [
    "v=0",
    `o=peer 7 ${version} IN IP4 ${HOST}`,
    "s=-",
    `c=IN IP4 ${address}`,
    "t=0 0",
    `m=audio ${port} ${protocol} ${formats}`,
    ...events,
    ...lines,
    ...after,
    "",
  ].join("\r\n");
}

let calls = 0;

/** One dialog of a scripted peer. */
export class ScriptedPeer {
  readonly socket: Socket;
  readonly got: SipMessage[] = [];
  readonly #to: number;
  #seen = 0;
  #wake: () => void = () => {};
  callId = "";
  #local = "";
  #remote = "";
  #cseq = 1;
  #target: string;

  private constructor(socket: Socket, to: number) {
    this.socket = socket;
    this.#to = to;
    this.#target = `sip:1000@${HOST}:${to}`;
    socket.on("message", (data) => {
      if (data.length < 20) return;
      const message = parseMessage(data);
      // a request that comes again has been seen
      const key = (of: SipMessage) => `${of.kind === "request" ? of.method : of.status} ${of.get("cseq")} ${of.get("via")}`;
      if (this.got.some((one) => key(one) === key(message))) return;
      this.got.push(message);
      if (message.kind === "request" && message.method === "BYE") this.answer(message, 200);
      this.#wake();
    });
  }

  static async open(sipPort: number, socket?: Socket): Promise<ScriptedPeer> {
    return new ScriptedPeer(socket ?? (await bound()), sipPort);
  }

  get port(): number {
    return this.socket.address().port;
  }

  /** The next message that has not been looked at and fits; those before it are passed over. */
  async next<T extends SipMessage>(fits: (message: SipMessage) => boolean, ms = 5000): Promise<T> {
    const until = Date.now() + ms;
    for (;;) {
      while (this.#seen < this.got.length) {
        const message = this.got[this.#seen++]!;
        if (fits(message)) return message as T;
      }
      const left = until - Date.now();
      if (left <= 0)
        throw new Error(`it did not come; there are ${this.got.map((m) => (m.kind === "request" ? m.method : m.status)).join(", ")}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  request(method: string, ms?: number): Promise<SipRequest> {
    return this.next((message) => message.kind === "request" && message.method === method, ms);
  }

  /** The final response to our last request, or to that of `method`. */
  response(method: string, ms?: number): Promise<SipResponse> {
    return this.next((message) => message.kind === "response" && message.status >= 200 && message.cseq?.method === method, ms);
  }

  write(text: string): void {
    this.socket.send(text, this.#to, HOST);
  }

  /** Sends a request in the dialog, or the first one. Returns its CSeq number. */
  send(
    method: string,
    {
      body = "",
      headers = [],
      seq,
      type = "application/sdp",
    }: { body?: string; headers?: readonly string[]; seq?: number; type?: string } = {},
  ): number {
    const number = seq ?? ++this.#cseq;
    const remote = this.#remote === "" ? "" : `;tag=${this.#remote}`;
    this.write(
      [
        `${method} ${this.#target} SIP/2.0`,
        `Via: SIP/2.0/UDP ${HOST}:${this.port};branch=z9hG4bK${this.callId}${number}${method};rport`,
        `From: <sip:peer@${HOST}:${this.port}>;tag=${this.#local}`,
        `To: <sip:1000@${HOST}:${this.#to}>${remote}`,
        `Call-ID: ${this.callId}`,
        `CSeq: ${number} ${method}`,
        "Max-Forwards: 70",
        `Contact: <sip:peer@${HOST}:${this.port}>`,
        ...headers,
        ...(body === "" ? [] : [`Content-Type: ${type}`]),
        `Content-Length: ${Buffer.byteLength(body)}`,
        "",
        body,
      ].join("\r\n"),
    );
    return number;
  }

  /** Places a call; resolves with the 200, not acknowledged where there is no offer. */
  async call(body: string, headers: readonly string[] = [], type?: string): Promise<SipResponse> {
    const answer = await this.attempt(body, headers, type);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.get("warning") ?? ""}`);
    if (body !== "") this.ack(answer);
    return answer;
  }

  /** Places a call; resolves with the final response. */
  async attempt(body: string, headers: readonly string[] = [], type = "application/sdp"): Promise<SipResponse> {
    this.callId = `scripted-${process.pid}-${++calls}`;
    this.#local = `peer${calls}`;
    this.#remote = "";
    this.#target = `sip:1000@${HOST}:${this.#to}`;
    const seq = this.send("INVITE", { body, headers, type });
    // as timer A has it (RFC 3261 section 17.1.1.2): a long answer waits until this address has shown to be there
    const repeat = setInterval(() => this.send("INVITE", { body, headers, type, seq }), 500);
    const answer = await this.response("INVITE").finally(() => clearInterval(repeat));
    if (answer.status >= 300) {
      this.#remote = answer.toTag;
      this.ack(answer);
    } else {
      this.#remote = answer.toTag;
      this.#target = answer.contact?.uriText ?? this.#target;
    }
    return answer;
  }

  ack(answer: SipResponse, body = ""): void {
    this.send("ACK", { body, seq: answer.cseq!.seq });
  }

  /** A re-INVITE, acknowledged; with `answer` where it has no offer. Resolves with the final response. */
  async reinvite(body: string, answer = "", headers: readonly string[] = []): Promise<SipResponse> {
    return this.#patiently(async () => {
      this.send("INVITE", { body, headers });
      const response = await this.response("INVITE");
      this.ack(response, response.status < 300 ? answer : "");
      return response;
    });
  }

  async update(body: string, headers: readonly string[] = []): Promise<SipResponse> {
    return this.#patiently(async () => {
      this.send("UPDATE", { body, headers });
      return this.response("UPDATE");
    });
  }

  /** Again after a 491, a few times: the gateway may still be bringing up the call. */
  async #patiently(attempt: () => Promise<SipResponse>): Promise<SipResponse> {
    for (let tries = 1; ; tries++) {
      const response = await attempt();
      if (response.status !== 491 || tries === 20) return response;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A call of the gateway's: from now on this is its dialog. */
  take(invite: SipRequest): void {
    this.callId = invite.callId;
    this.#local = `peer${++calls}`;
    this.#remote = invite.fromTag;
    this.#target = invite.contact?.uriText ?? "";
    this.#cseq = 100;
  }

  /** Answers a request of theirs. */
  answer(request: SipRequest, status: number, { body = "", headers = [] }: { body?: string; headers?: readonly string[] } = {}): void {
    const to = request.get("to")!;
    this.write(
      [
        `SIP/2.0 ${status} X`,
        ...request.list("via").map((via) => `Via: ${via}`),
        `From: ${request.get("from")}`,
        `To: ${request.toTag === "" ? `${to};tag=${this.#local}` : to}`,
        `Call-ID: ${request.callId}`,
        `CSeq: ${request.get("cseq")}`,
        `Contact: <sip:peer@${HOST}:${this.port}>`,
        ...headers,
        ...(body === "" ? [] : ["Content-Type: application/sdp"]),
        `Content-Length: ${Buffer.byteLength(body)}`,
        "",
        body,
      ].join("\r\n"),
    );
  }

  /** Hangs up where there is a call. */
  async leave(): Promise<void> {
    if (this.#remote === "") return;
    this.send("BYE");
    this.#remote = "";
    await this.response("BYE").catch(() => undefined);
  }

  close(): void {
    this.socket.close();
  }
}
