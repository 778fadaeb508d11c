import { type CallConfig, CallMachine, ControlMachine, DURATIONS, RasClient } from "../../src/h323/index.ts";
import { decodeControl } from "../../src/wire/h245/index.ts";
import { encodeRas } from "../../src/wire/h225/index.ts";
import { callConfig, mediaOf, Pair, STYLE } from "../support/h323-pair.ts";
import { clientConfig, GK, gatekeeperConfig, Net, question } from "../support/ras-net.ts";
import { Gatekeeper } from "../../src/h323/index.ts";
import type { Reader } from "./reader.ts";
import { TIMEOUT } from "../../src/base/machine.ts";

/** Every so many inputs the clock goes on by more than any timer is long. */
const LONG = 64;
const AGES = 600_000;
/** Q.931's protocol discriminator; no H.245 message begins so. */
const Q931 = 8;
const STYLES = [
  STYLE,
  { ...STYLE, fastStart: false, earlyControl: true },
  { ...STYLE, tunnelling: false },
  { ...STYLE, fastStart: false, tunnelling: false },
];

/** One end of a call, with what its owner does about what it says. */
class CallEnd {
  readonly machine: CallMachine;
  over = false;
  constructor(config: CallConfig, caller: boolean, now: number) {
    this.machine = new CallMachine(config);
    if (!caller) return;
    this.machine.setMedia(mediaOf(config.local.host), now);
    this.machine.start({ aliases: [{ dialledDigits: "200" }] }, now);
    this.act(now);
  }

  hear(data: Uint8Array, now: number): void {
    if (data[0] === Q931) this.machine.signalling(data, now);
    else this.machine.controlMessage(data, now);
    this.act(now);
  }

  act(now: number): void {
    const { machine } = this;
    for (let outputs = machine.drain(); outputs.length > 0; outputs = machine.drain()) {
      for (const output of outputs) {
        if (output.type === "close") this.over = true;
        else if (output.type === "listen-control") machine.controlListening({ host: "192.0.2.1", port: 10_000 }, now);
        else if (output.type === "connect-control") machine.controlConnected(now);
        else if (output.type === "event" && output.event.type === "incoming") {
          machine.setMedia(mediaOf("192.0.2.2", 6004), now);
          machine.alert(false, now);
          machine.answer(now);
        } else if (output.type === "event" && output.event.type === "presentation-wanted")
          machine.control((control) => control.grantPresentation(now), now);
      }
    }
  }

  /** What the call's owner may do at any time. */
  use(turn: number, now: number): void {
    const { machine } = this;
    if (turn === 0) machine.sendDigits("12#", now);
    else if (turn === 1) machine.inquire(now);
    else if (turn === 2) machine.control((control) => control.hold(now), now);
    else if (turn === 3) machine.control((control) => control.resume(now), now);
    else if (turn === 4) machine.control((control) => control.measureRoundTrip(now), now);
    else if (turn === 5) machine.control((control) => control.requestPresentation(now), now);
    else if (turn === 6) machine.controlConnected(now);
    this.act(now);
  }
}

/**
 * A call machine in the middle of calls: damaged copies of what the other end of a good call says (call signalling, tunnelled H.245, H.245 of its own), and of `more`. A
 * call that ends is followed by another, good up to one message later each time.
 */
function callReader(name: string, side: "a" | "b", more: Partial<CallConfig>): Reader {
  const recorded = STYLES.map((style) => {
    const configs = { a: callConfig("a", style, more), b: callConfig("b", style, more) };
    const pair = new Pair(configs.a, configs.b).call().run(3_000);
    pair.do(({ a, b, now }) => {
      for (const { machine } of [a, b]) {
        machine.sendDigits("5", now);
        machine.control((control) => control.requestPresentation(now), now);
      }
    });
    pair.do(({ a, b, now }) => {
      a.machine.control((control) => control.hold(now), now);
      b.machine.inquire(now);
    });
    pair.do(({ a, b }) => (side === "a" ? b : a).machine.release(16));
    return { style, heard: pair.wire.filter(({ from }) => from !== side).map((pdu) => pdu.bytes) };
  });
  return {
    name,
    seeds: recorded.flatMap(({ heard }) => heard.map((pdu) => Buffer.from(pdu))),
    open() {
      let now = 0;
      let inputs = 0;
      let calls = 0;
      const next = (): CallEnd => {
        const { style, heard } = recorded[calls % recorded.length]!;
        const good = Math.floor(calls / recorded.length) % (heard.length + 1);
        calls++;
        const end = new CallEnd(callConfig(side, style, more), side === "a", now);
        for (const pdu of heard.slice(0, good)) end.hear(pdu, now);
        return end;
      };
      let end = next();
      return (data) => {
        end.hear(data, now);
        end.use(inputs % 16, now);
        now += ++inputs % LONG === 0 ? AGES : 50;
        if ((end.machine.nextTimeout() ?? Number.POSITIVE_INFINITY) <= now) {
          end.machine.handle(TIMEOUT, now);
          end.act(now);
        }
        if (end.over) end = next();
      };
    },
  };
}

const controlSeeds = STYLES.flatMap((style) => {
  const pair = new Pair(callConfig("a", { ...style, tunnelling: false }), callConfig("b", { ...style, tunnelling: false }))
    .call()
    .run(3_000);
  return pair.wire.filter(({ kind }) => kind === "control").map((pdu) => Buffer.from(pdu.bytes));
});

/** RAS of a client, from discovery to the end of an admitted call. */
function rasTalk(): { readonly answers: Buffer[]; readonly questions: Buffer[] } {
  const client = new RasClient(clientConfig("192.0.2.1", "100", { traversal: true }));
  const net = new Net().add("192.0.2.1", client).add(GK.host, new Gatekeeper(gatekeeperConfig()));
  client.start(0);
  net.run(10);
  client.admit(question("100"), net.now);
  net.run(10);
  client.disengage(question("100"), net.now);
  net.run(200_000);
  client.stop(net.now);
  net.run(10);
  const of = (from: string): Buffer[] =>
    net.sent.filter((sent) => sent.from === from).map(({ message }) => Buffer.from(encodeRas(message)));
  return { answers: of(GK.host), questions: of("192.0.2.1") };
}
const ras = rasTalk();

/** Machines of H.323, in calls and registrations that are under way. */
export const h323Readers: readonly Reader[] = [
  callReader("h323-caller", "a", {}),
  callReader("h323-callee", "b", {}),
  callReader("h323-encrypted", "b", { encryption: "preferred", traversal: { role: "server", allowed: ["server", "client"] } }),
  {
    name: "h245-session",
    seeds: controlSeeds,
    open() {
      const open = (): ControlMachine => {
        const machine = new ControlMachine({
          capabilities: callConfig("b").capabilities,
          terminalType: 50,
          draw: () => 4711,
          durations: DURATIONS,
        });
        machine.setMedia(mediaOf("192.0.2.2", 6004), now);
        machine.start(now);
        return machine;
      };
      let now = 0;
      let inputs = 0;
      let machine = open();
      return (data) => {
        now += ++inputs % LONG === 0 ? AGES : 50;
        if ((machine.nextTimeout() ?? Number.POSITIVE_INFINITY) <= now) machine.handle(TIMEOUT, now);
        try {
          machine.handle(decodeControl(data), now);
        } finally {
          for (const output of machine.drain())
            if (output.type === "event" && output.event.type === "presentation-wanted") machine.grantPresentation(now);
          if (machine.ended) machine = open();
        }
      };
    },
  },
  {
    name: "ras-client",
    seeds: ras.answers,
    open() {
      const client = new RasClient(clientConfig("192.0.2.1", "100", { traversal: true }));
      let now = 0;
      let inputs = 0;
      client.start(now);
      return (data) => {
        if (++inputs % 16 === 0) client.admit(question("200"), now);
        client.received(data, GK, now);
        now += inputs % LONG === 0 ? AGES : 50;
        if ((client.nextTimeout() ?? Number.POSITIVE_INFINITY) <= now) client.handle(TIMEOUT, now);
        client.drain();
      };
    },
  },
  {
    name: "gatekeeper-registrations",
    seeds: ras.questions,
    open() {
      const gatekeeper = new Gatekeeper(gatekeeperConfig());
      let now = 0;
      let inputs = 0;
      return (data) => {
        // a room that is registered again and again, and others that damage its messages
        if (inputs % 32 === 0)
          for (const message of ras.questions.slice(0, 2)) gatekeeper.received(message, { host: "192.0.2.1", port: 1719 }, now);
        gatekeeper.received(data, { host: inputs % 2 === 0 ? "192.0.2.1" : "192.0.2.9", port: 1719 }, now);
        now += ++inputs % LONG === 0 ? AGES : 50;
        if ((gatekeeper.nextTimeout() ?? Number.POSITIVE_INFINITY) <= now) gatekeeper.handle(TIMEOUT, now);
        gatekeeper.drain();
      };
    },
  },
];
