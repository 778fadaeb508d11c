/** An engine core, the network around it and applications, all on fake time and without sockets. */
import { FakeClock } from "../../support/standing-clock.ts";
import { type AppHandle, EngineCore } from "../../../src/sip-engine/core.ts";
import type { EngineOptions } from "../../../src/sip-engine/state.ts";
import type { Source, Target, TransportName } from "../../../src/sip/index.ts";
import { createResponse, parseMessage, SipRequest, type SipMessage, type SipResponse } from "../../../src/wire/sip/index.ts";
import { TIMEOUT } from "../../../src/base/machine.ts";

/** A frame an application received. */
export interface Frame {
  readonly type: string;
  readonly tokens: readonly string[];
  readonly sip: SipMessage | undefined;
}

/** A request an application got, with what it needs to answer. */
export interface Received {
  readonly transactionId: string;
  readonly dialogId: string;
  readonly source: string;
  readonly tokens: readonly string[];
  readonly sip: SipMessage;
}

export class TestApp {
  readonly frames: Frame[] = [];
  closed = false;
  readonly #world: World;
  readonly #handle: AppHandle;
  #next = 0;

  constructor(world: World) {
    this.#world = world;
    this.#handle = world.core.connect({
      send: (content) => {
        const [leader, ...rest] = content.split("\r\n");
        const tokens = leader!.split("|");
        const raw = rest.join("\r\n");
        this.frames.push({ type: tokens[1]!, tokens, sip: raw === "" ? undefined : parseMessage(Buffer.from(raw, "latin1")) });
      },
      close: () => {
        this.closed = true;
      },
    });
  }

  /** Sends a message; returns the tokens of its answer from OK or NOK on, and the SIP message in it. */
  say(content: string): { tokens: readonly string[]; sip: SipMessage | undefined } {
    const id = `m${++this.#next}`;
    this.#handle.receive(Buffer.from(`${id}|${content}`, "latin1"), this.#world.now);
    this.#world.settle();
    const answer = this.frames.find((f) => f.type === "response" && f.tokens[2] === id);
    return { tokens: answer?.tokens.slice(3) ?? [], sip: answer?.sip };
  }

  /** Answers to a message sent earlier by `say` (the latest has the highest number). */
  answers(n = this.#next): Frame[] {
    return this.frames.filter((f) => f.type === "response" && f.tokens[2] === `m${n}`);
  }

  open(...verbs: string[]): this {
    this.say("authenticate|secret|");
    for (const verb of verbs) this.say(`route|${verb}`);
    return this;
  }

  /** SIP messages received, oldest first; `what` is a method or a status. */
  got(what: string | number): Received[] {
    return this.frames.flatMap((f) => {
      if (f.type !== "sip" || f.sip === undefined) return [];
      if ((f.sip.kind === "request" ? f.sip.method : f.sip.status) !== what) return [];
      return [{ source: f.tokens[2]!, transactionId: f.tokens[8]!, dialogId: f.tokens[9]!, tokens: f.tokens, sip: f.sip }];
    });
  }

  respond(
    to: Received,
    status: number,
    headers: Record<string, string> = {},
    body = "",
  ): { tokens: readonly string[]; sip: SipMessage | undefined } {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return this.say(`sip|${to.transactionId}|\r\nSIP/2.0 ${status} X\r\nCSeq: ${to.sip.get("cseq")}\r\n${lines.join("")}\r\n${body}`);
  }

  request(text: string, where = "sip||"): { tokens: readonly string[]; sip: SipMessage | undefined } {
    return this.say(`${where}\r\n${text.replace(/\n/g, "\r\n")}\r\n\r\n`);
  }

  leave(): void {
    this.#handle.gone(this.#world.now);
    this.#world.settle();
  }
}

/** Something the engine sent. */
export interface Sent {
  readonly message: SipMessage;
  readonly target: Target;
}

export class World {
  readonly clock = new FakeClock();
  readonly core: EngineCore;
  /** What went out and was not looked at yet. */
  readonly sent: Sent[] = [];
  /** Addresses where connections are refused. */
  readonly refused = new Set<string>();
  /** Transports and addresses, such as `udp 10.0.0.3`, where the network refuses what is sent. */
  readonly refusedBy = new Set<string>();
  #branch = 0;

  constructor(options: Partial<EngineOptions> = {}) {
    this.core = new EngineCore({ secret: "secret", ...options }, this.clock);
    for (const [i, transport] of (["udp", "tcp", "tls"] as const).entries()) {
      const port = transport === "tls" ? 5061 : 5060;
      this.core.layer.addListener({ id: i + 1, transport, address: "10.0.0.1", port, advertisedHost: "10.0.0.1", advertisedPort: port });
    }
  }

  get now(): number {
    return this.clock.now();
  }
  app(...verbs: string[]): TestApp {
    return new TestApp(this).open(...verbs);
  }

  settle(): void {
    for (let outputs = this.core.layer.drain(); outputs.length > 0; outputs = this.core.layer.drain()) {
      for (const output of outputs) {
        if (output.kind === "lookup") this.core.layer.lookupDone(output.id, [], this.now);
        else if (output.kind === "send") {
          const { transport, address } = output.target;
          if (this.refused.has(address) || this.refusedBy.has(`${transport} ${address}`))
            this.core.layer.sendFailed(output.ref, "connection refused", this.now);
          else this.sent.push({ message: parseMessage(output.data), target: output.target });
        }
      }
    }
  }

  run(ms: number): void {
    const end = this.now + ms;
    for (let due = this.core.layer.nextTimeout(); due !== undefined && due <= end; due = this.core.layer.nextTimeout()) {
      this.clock.advance(Math.max(0, due - this.now));
      this.core.layer.handle(TIMEOUT, this.now);
      this.settle();
    }
    this.clock.advance(end - this.now);
  }

  /** Takes what was sent that is of this method or status. */
  take(what: string | number): Sent[] {
    const found = this.sent.filter((s) => (s.message.kind === "request" ? s.message.method : s.message.status) === what);
    for (const f of found) this.sent.splice(this.sent.indexOf(f), 1);
    return found;
  }
  takeOne(what: string | number): Sent {
    const [first] = this.take(what);
    if (first === undefined) throw new Error(`nothing sent of ${what}: ${this.sent.map((s) => s.message.startLine).join("; ")}`);
    return first;
  }

  /** The network delivers a message. */
  deliver(message: SipMessage | Buffer, transport: TransportName = "udp", source: Partial<Source> = {}): void {
    const connection = transport === "udp" ? 0 : 5;
    const from = {
      transport,
      address: "10.0.0.2",
      port: 5060,
      localAddress: "10.0.0.1",
      localPort: 5060,
      connection,
      listener: 1,
      ...source,
    };
    this.core.layer.receive(Buffer.isBuffer(message) ? message : message.toBuffer(), from, this.now);
    this.settle();
  }

  /** A request from the far end, with a Via of its own. */
  request(method: string, headers: Record<string, string> = {}, body = "", uri = "sip:service@10.0.0.1"): SipRequest {
    const r = new SipRequest(method, uri);
    r.set("Via", `SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb${++this.#branch}`);
    r.set("From", "<sip:caller@10.0.0.2>;tag=caller")
      .set("To", "<sip:service@10.0.0.1>")
      .set("Call-ID", "call-1")
      .set("CSeq", `1 ${method}`);
    r.set("Contact", "<sip:caller@10.0.0.2>").set("Max-Forwards", "70");
    for (const [name, value] of Object.entries(headers)) r.set(name, value);
    return r.setBody(body, "application/sdp");
  }

  /** The far end's response to a request the engine sent. */
  answer(to: Sent, status: number, headers: Record<string, string> = {}, body = ""): SipResponse {
    if (to.message.kind !== "request") throw new Error("not a request");
    const response = createResponse(to.message, status, undefined, headers["tag"] ?? "callee");
    for (const [name, value] of Object.entries(headers)) if (name !== "tag") response.set(name, value);
    response.setBody(body, "application/sdp");
    this.deliver(response, "udp", { address: to.target.address });
    return response;
  }
}

export const SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\n";

/** What an engine's dump says when nothing is left of any call. */
export const clean = {
  dialogs: 0,
  awaitingApplication: 0,
  awaitingResponse: 0,
  proxied: 0,
  clientTransactions: 0,
  serverTransactions: 0,
  awaitingAck: 0,
  timers: 0,
};

/** An answered call from the far end: the application and its dialog. */
export function answered(world: World, app: TestApp, headers: Record<string, string> = {}, response: Record<string, string> = {}) {
  const invite = world.request("INVITE", headers, SDP);
  world.deliver(invite);
  const received = app.got("INVITE").at(-1)!;
  const answer = app.respond(received, 200, response, SDP);
  const ok = world.takeOne(200).message;
  const ack = world.request("ACK", { ...headers, To: ok.get("to")!, CSeq: `${invite.cseq!.seq} ACK` });
  return {
    invite,
    received,
    answer,
    ok,
    ack,
    toUs: (method: string, seq: number, more: Record<string, string> = {}) =>
      world.request(method, { ...headers, To: ok.get("to")!, CSeq: `${seq} ${method}`, ...more }),
  };
}
