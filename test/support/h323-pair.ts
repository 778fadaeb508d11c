import { type Address, type CallConfig, type CallEvent, CallMachine, type CallOutput, type CallStyle } from "../../src/h323/index.ts";
import { decodeSignalling } from "../../src/wire/h225/index.ts";
import { decodeControl } from "../../src/wire/h245/index.ts";
import { TIMEOUT } from "../../src/base/machine.ts";

/** Random octets from a seed, the same every run. */
export function seededOctets(seed: number): (count: number) => Uint8Array {
  let a = seed;
  const octet = () => {
    a = (Math.imul(a, 1664525) + 1013904223) >>> 0;
    return a >>> 24;
  };
  return (count) => Uint8Array.from({ length: count }, octet);
}

export const STYLE: CallStyle = { fastStart: true, tunnelling: true, earlyControl: false };

export function callConfig(name: "a" | "b", style: Partial<CallStyle> = {}, more: Partial<CallConfig> = {}): CallConfig {
  const own = name === "a" ? "192.0.2.1" : "192.0.2.2";
  const other = name === "a" ? "192.0.2.2" : "192.0.2.1";
  return {
    style: { ...STYLE, ...style },
    identity: {
      aliases: [{ "h323-ID": name }, { dialledDigits: name === "a" ? "100" : "200" }],
      displayName: name,
      product: "test",
      version: "1",
    },
    capabilities: {
      audio: [
        { codec: "PCMU", maxPtime: 20 },
        { codec: "PCMA", maxPtime: 20 },
      ],
      telephoneEvent: 101,
      userInput: ["alphanumeric", "signal"],
    },
    terminalType: 50,
    local: { host: own, port: 1720 },
    peer: { host: other, port: 1720 },
    random: seededOctets(name === "a" ? 1 : 2),
    ...more,
  };
}

export const mediaOf = (host: string, port = 5004) => ({ rtp: { host, port }, rtcp: { host, port: port + 1 } });

interface End {
  readonly machine: CallMachine;
  readonly name: "a" | "b";
  readonly host: string;
  readonly events: CallEvent[];
  /** Types of the messages sent, tunnelled control behind a slash. */
  readonly sent: string[];
  listening: Address | undefined;
  closed: boolean;
}

/** Two call machines against each other on fake time, with the connections between them. */
export class Pair {
  readonly a: End;
  readonly b: End;
  now = 0;
  /** One way delay in milliseconds. */
  latency = 5;
  /** Every message, for decoders of others: signalling or control payloads. */
  readonly wire: { readonly from: "a" | "b"; readonly kind: "signalling" | "control"; readonly bytes: Uint8Array }[] = [];
  /** What `b` does with events as they come; the default rings and answers. */
  onB: (event: CallEvent, machine: CallMachine, now: number) => void;
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;

  constructor(a: CallConfig, b: CallConfig) {
    const end = (name: "a" | "b", config: CallConfig): End => ({
      machine: new CallMachine(config),
      name,
      host: config.local.host,
      events: [],
      sent: [],
      listening: undefined,
      closed: false,
    });
    this.a = end("a", a);
    this.b = end("b", b);
    this.onB = (event, machine, now) => {
      if (event.type !== "incoming") return;
      machine.setMedia(mediaOf(this.b.host, 6004), now);
      machine.alert(false, now);
      machine.answer(now);
    };
  }

  call(fast = true): this {
    if (fast) this.a.machine.setMedia(mediaOf(this.a.host), this.now);
    this.a.machine.start({ aliases: [{ dialledDigits: "200" }] }, this.now);
    if (!fast) this.a.machine.setMedia(mediaOf(this.a.host), this.now);
    return this;
  }

  /** Lets `ms` go by: messages arrive, timers end. */
  run(ms = 1000): this {
    const end = this.now + ms;
    this.#drain(this.a, this.b);
    this.#drain(this.b, this.a);
    for (let steps = 0; steps < 10_000; steps++) {
      const timer = Math.min(
        this.a.machine.nextTimeout() ?? Number.POSITIVE_INFINITY,
        this.b.machine.nextTimeout() ?? Number.POSITIVE_INFINITY,
      );
      this.#queue.sort((x, y) => x.at - y.at || x.order - y.order);
      const message = this.#queue[0]?.at ?? Number.POSITIVE_INFINITY;
      const next = Math.min(timer, message);
      if (next > end) {
        this.now = end;
        return this;
      }
      this.now = Math.max(this.now, next);
      if (message <= timer) this.#queue.shift()!.run();
      else
        for (const e of [this.a, this.b])
          if ((e.machine.nextTimeout() ?? Number.POSITIVE_INFINITY) <= this.now) e.machine.handle(TIMEOUT, this.now);
      this.#drain(this.a, this.b);
      this.#drain(this.b, this.a);
    }
    throw new Error("does not come to rest");
  }

  /** Does something on an end and lets its consequences happen. */
  do(what: (pair: this) => void, ms = 1000): this {
    what(this);
    return this.run(ms);
  }

  #later(run: () => void): void {
    this.#queue.push({ at: this.now + this.latency, order: this.#order++, run });
  }

  #drain(from: End, to: End): void {
    for (let outputs = from.machine.drain(); outputs.length > 0; outputs = from.machine.drain())
      for (const output of outputs) this.#perform(output, from, to);
  }

  #perform(output: CallOutput, from: End, to: End): void {
    if (output.type === "signalling") {
      from.sent.push(describe(output.bytes));
      this.wire.push({ from: from.name, kind: "signalling", bytes: output.bytes });
      this.#later(() => {
        if (!to.closed) to.machine.signalling(output.bytes, this.now);
      });
    } else if (output.type === "control") {
      from.sent.push(`control/${controlTypes([output.bytes])}`);
      this.wire.push({ from: from.name, kind: "control", bytes: output.bytes });
      this.#later(() => to.machine.controlMessage(output.bytes, this.now));
    } else if (output.type === "listen-control") {
      from.listening = { host: from.host, port: 10_000 };
      this.#later(() => from.machine.controlListening(from.listening!, this.now));
    } else if (output.type === "connect-control") {
      const reached = to.listening?.host === output.to.host && to.listening.port === output.to.port;
      this.#later(() => {
        if (!reached) {
          from.machine.controlClosed("refused");
          return;
        }
        from.machine.controlConnected(this.now);
        to.machine.controlConnected(this.now);
      });
    } else if (output.type === "close") {
      from.closed = true;
      this.#later(() => {
        if (!to.closed) to.machine.signallingClosed("closed by the peer");
      });
    } else {
      from.events.push(output.event);
      if (from.name === "b") this.onB(output.event, from.machine, this.now);
    }
  }
}

function controlTypes(bytes: readonly Uint8Array[]): string {
  return bytes
    .map((b) => {
      const message = decodeControl(b);
      const inner = message.request ?? message.response ?? message.command ?? message.indication ?? {};
      return Object.keys(inner)[0];
    })
    .join("+");
}

function describe(bytes: Uint8Array): string {
  const message = decodeSignalling(bytes);
  const control = message.info?.["h323-uu-pdu"].h245Control ?? [];
  return control.length === 0 ? String(message.type) : `${message.type}/${controlTypes(control)}`;
}

/** Events of one type. */
export function eventsOf<T extends CallEvent["type"]>(events: readonly CallEvent[], type: T): Extract<CallEvent, { type: T }>[] {
  return events.filter((e): e is Extract<CallEvent, { type: T }> => e.type === type);
}
