import { describe, expect, it } from "vitest";
import { type CallEvent, CallMachine } from "../../../src/h323/index.ts";
import { decodeSignalling, encodeSignalling } from "../../../src/wire/h225/index.ts";
import { decodeControl, encodeControl } from "../../../src/wire/h245/index.ts";
import { type CapturedPdu, capturedPdus, captureNames, embedded } from "../../support/h323-captures.ts";
import { callConfig, eventsOf, mediaOf, seededOctets } from "../../support/h323-pair.ts";

/** Random octets whose draws of three are the number that the captured side drew: its peer's decisions then fit ours. */
function drawing(number: number | undefined): (count: number) => Uint8Array {
  const other = seededOctets(7);
  return (count) => (count === 3 && number !== undefined ? Uint8Array.of(number >>> 16, number >>> 8, number) : other(count));
}

const controls = (pdu: CapturedPdu) => (pdu.kind === "h245" ? [pdu.bytes] : embedded(decodeSignalling(pdu.bytes)).control);

/** Plays one side of a captured call to a machine in the place of the other. */
function replay(file: string, place: "caller" | "callee"): { events: CallEvent[]; machine: CallMachine } {
  const pdus = capturedPdus(file).filter((p) => p.kind !== "ras");
  const setup = pdus.find((p) => p.kind === "q931" && decodeSignalling(p.bytes).type === "setup")!;
  const caller = setup.from.split(":")[0]!;
  const callee = setup.to.split(":")[0]!;
  const [ours, theirs] = place === "caller" ? [caller, callee] : [callee, caller];
  const drawn = pdus
    .filter((p) => p.from.startsWith(`${ours}:`))
    .flatMap(controls)
    .map((b) => decodeControl(b).request?.masterSlaveDetermination?.statusDeterminationNumber)
    .find((n) => n !== undefined);
  const first = decodeSignalling(setup.bytes);
  const style = {
    fastStart: (first.info?.["h323-uu-pdu"]["h323-message-body"].setup?.fastStart?.length ?? 0) > 0,
    tunnelling: first.info?.["h323-uu-pdu"].h245Tunnelling === true,
  };
  const config = callConfig("b", place === "caller" ? style : {}, {
    local: { host: ours, port: 1720 },
    peer: { host: theirs, port: 1720 },
    terminalType: 60,
    random: drawing(drawn),
  });
  const machine = new CallMachine(config);
  const events: CallEvent[] = [];
  let now = 0;
  const drain = () => {
    for (const output of machine.drain()) {
      if (output.type === "listen-control") machine.controlListening({ host: ours, port: 9 }, now);
      if (output.type !== "event") continue;
      events.push(output.event);
      if (output.event.type === "incoming") {
        machine.setMedia(mediaOf(ours), now);
        machine.answer(now);
      }
    }
  };
  if (place === "caller") {
    machine.setMedia(mediaOf(ours), now);
    machine.start({ aliases: [{ dialledDigits: "602" }] }, now);
  }
  drain();
  for (const pdu of pdus) {
    if (!pdu.from.startsWith(`${theirs}:`)) continue;
    now = pdu.time * 1000;
    if (pdu.kind === "h245") {
      machine.controlConnected(now);
      machine.controlMessage(renumbered(pdu.bytes, machine), now);
    } else if (place === "caller")
      machine.signalling(encodeSignalling({ ...decodeSignalling(pdu.bytes), callReference: machine.callReference }), now);
    else machine.signalling(pdu.bytes, now);
    drain();
  }
  return { events, machine };
}

/** The captured side opened its channels from 1001, we open ours from 1: acknowledgements are for ours. */
function renumbered(bytes: Uint8Array, machine: CallMachine): Uint8Array {
  const message = decodeControl(bytes);
  const ack = message.response?.openLogicalChannelAck;
  const ours = machine.dump.control.transmit?.number;
  if (ack === undefined || ours === undefined) return bytes;
  return encodeControl({ response: { openLogicalChannelAck: { ...ack, forwardLogicalChannelNumber: ours } } });
}

// Calls cut short before Connect, edited on the way, or refused are told apart by their names.
const whole = captureNames().filter((f) => /^ast(16|22)-fs_(yes|no)-tun_(yes|no)-(rfc2833|h245alphanumeric)/.test(f));

describe("captured calls of chan_ooh323 against our machine", () => {
  it("are there in every combination", () => expect(whole.length).toBe(12));

  it.each(whole)("%s: our callee hears its caller out", (file) => {
    const { events } = replay(file, "callee");
    expect(eventsOf(events, "incoming")).toHaveLength(1);
    expect(eventsOf(events, "capabilities")[0]?.remote.audio.map((a) => a.codec)).toEqual(expect.arrayContaining(["PCMU", "PCMA"]));
    expect(eventsOf(events, "established")).toHaveLength(1);
    expect(eventsOf(events, "control-failed")).toEqual([]);
    expect(eventsOf(events, "receive")).toMatchObject([{ format: { codec: "PCMU" } }]);
    const digits = eventsOf(events, "digits").map((d) => d.digits);
    if (file.includes("alphanumeric")) expect(digits.join("")).toBe("159*0");
  });

  it.each(whole)("%s: our caller is led through by its callee", (file) => {
    const { events } = replay(file, "caller");
    expect(eventsOf(events, "connected")).toMatchObject([{ product: "ooh323" }]);
    expect(eventsOf(events, "established")).toHaveLength(1);
    expect(eventsOf(events, "control-failed")).toEqual([]);
    if (file.includes("fs_yes")) expect(eventsOf(events, "transmit")).toHaveLength(1);
  });

  it.each([
    ["ast16-busy17-fs_no-tun_no.pcap", 17],
    ["ast16-busy17-fs_yes-tun_yes.pcap", 17],
    ["ast16-reject21-fs_no-tun_no.pcap", 21],
    ["ast16-unknown-exten-cause111-fs_yes-tun_yes.pcap", 111],
  ])("%s ends with cause %i", (file, cause) => {
    const { events } = replay(file, "caller");
    expect(eventsOf(events, "released")).toMatchObject([{ cause, by: "peer" }]);
  });
});
