/** Two or more SIP layers on a network of the tests' own: fake time, seeded loss, no sockets. */
import {
  type LayerHandler,
  type LayerOptions,
  type LookupAnswer,
  type Source,
  SipLayer,
  type Target,
  type TransportName,
} from "../../../src/sip/index.ts";
import { parseMessage, SipRequest, type SipMessage } from "../../../src/wire/sip/index.ts";
import { random } from "../../support/mutate.ts";
import { TIMEOUT } from "../../../src/base/machine.ts";

interface Packet {
  at: number;
  from: Node;
  to: string;
  transport: TransportName;
  data: Buffer;
}

export interface Node {
  readonly name: string;
  readonly address: string;
  readonly layer: SipLayer;
  /** First lines sent, with the time. */
  readonly sent: { at: number; line: string; message: SipMessage; target: Target }[];
}

export class Network {
  now = 0;
  readonly latency: number;
  /** 0 … 1. */
  loss = 0;
  /** Addresses nobody can reach. */
  readonly dead = new Set<string>();
  /** Addresses whose host says by ICMP that nothing listens there. */
  readonly unreachable = new Set<string>();
  /** Addresses from which nothing arrives. */
  readonly quiet = new Set<string>();
  /** ms by which an address answers late. */
  readonly slow = new Map<string, number>();
  readonly dns = new Map<string, LookupAnswer>();
  readonly #nodes = new Map<string, Node>();
  readonly #random: () => number;
  #flying: Packet[] = [];
  #later: { at: number; work: () => void }[] = [];

  constructor(options: { latency?: number; seed?: number } = {}) {
    this.latency = options.latency ?? 10;
    this.#random = random(options.seed ?? 1);
  }

  add(name: string, address: string, handler: LayerHandler, options: Partial<LayerOptions> = {}): Node {
    const layer = new SipLayer({ handler, random: this.#random, ...options });
    for (const [id, transport] of (["udp", "tcp", "tls"] as const).entries()) {
      const port = transport === "tls" ? 5061 : 5060;
      layer.addListener({ id: id + 1, transport, address, port, advertisedHost: address, advertisedPort: port });
    }
    const node: Node = { name, address, layer, sent: [] };
    this.#nodes.set(address, node);
    return node;
  }

  /** Puts bytes on the wire towards a node, as if from a stranger. */
  inject(to: Node, text: string | SipRequest, source: Partial<Source> = {}): void {
    const data = typeof text === "string" ? Buffer.from(text.replace(/\r?\n/g, "\r\n"), "latin1") : text.toBuffer();
    to.layer.receive(data, this.source("udp", "192.0.2.99", source), this.now);
    this.#settle();
  }

  source(transport: TransportName, address: string, more: Partial<Source> = {}): Source {
    const connection = transport === "udp" ? 0 : 7;
    return { transport, address, port: 5060, localAddress: "10.0.0.1", localPort: 5060, connection, listener: 1, ...more };
  }

  /** Does something in so many ms. */
  later(ms: number, work: () => void): void {
    this.#later.push({ at: this.now + ms, work });
  }

  /** Lets so many ms pass. */
  run(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      this.#settle();
      let next = end;
      for (const { at } of [...this.#flying, ...this.#later]) next = Math.min(next, at);
      for (const node of this.#nodes.values()) next = Math.min(next, node.layer.nextTimeout() ?? next);
      if (
        next >= end &&
        ![...this.#flying, ...this.#later].some(({ at }) => at <= end) &&
        ![...this.#nodes.values()].some((n) => (n.layer.nextTimeout() ?? end + 1) <= end)
      )
        break;
      this.now = Math.max(this.now, next);
      const due = this.#flying.filter((p) => p.at <= this.now);
      this.#flying = this.#flying.filter((p) => p.at > this.now);
      for (const packet of due) {
        const to = this.#nodes.get(packet.to);
        to?.layer.receive(packet.data, this.source(packet.transport, packet.from.address, { localAddress: to.address }), this.now);
      }
      for (const node of this.#nodes.values()) node.layer.handle(TIMEOUT, this.now);
      const work = this.#later.filter(({ at }) => at <= this.now);
      this.#later = this.#later.filter(({ at }) => at > this.now);
      for (const one of work) one.work();
    }
    this.now = end;
    this.#settle();
  }

  #settle(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const node of this.#nodes.values()) {
        for (const output of node.layer.drain()) {
          busy = true;
          if (output.kind === "lookup") {
            node.layer.lookupDone(output.id, this.dns.get(`${output.lookup.type} ${output.lookup.name}`) ?? [], this.now);
          } else if (output.kind === "probe") {
            if (this.unreachable.has(output.target.address)) node.layer.portUnreachable(output.ref, this.now);
          } else if (output.kind === "send") {
            const { target, data, ref } = output;
            const message = parseMessage(data);
            node.sent.push({ at: this.now, line: message.startLine, message, target });
            if (this.quiet.has(node.address)) continue;
            const lost = this.dead.has(target.address) || this.unreachable.has(target.address);
            if (lost) {
              if (target.transport !== "udp") node.layer.sendFailed(ref, "connection refused", this.now);
            } else if (target.transport !== "udp" || this.#random() >= this.loss) {
              const at = this.now + this.latency + (this.slow.get(node.address) ?? 0);
              this.#flying.push({ at, from: node, to: target.address, transport: target.transport, data });
            }
          }
        }
      }
    }
  }
}

/** A request fit to be sent, but for its Via. */
export function request(method: string, uri: string, change: Record<string, string> = {}): SipRequest {
  const r = new SipRequest(method, uri)
    .set("Max-Forwards", "70")
    .set("From", "<sip:a@10.0.0.1>;tag=from")
    .set("To", `<${uri}>`)
    .set("Call-ID", `${method}-call`)
    .set("CSeq", `1 ${method}`)
    .set("Contact", "<sip:a@10.0.0.1>");
  for (const [name, value] of Object.entries(change)) r.set(name, value);
  return r;
}
