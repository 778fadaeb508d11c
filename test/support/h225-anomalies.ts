/** Call signalling as it must not be, in the manner of the PROTOS c07-h2250 suite: one anomaly of one element at a time, in a Setup that is good otherwise. */
import { decodeQ931, decodeSignalling, encodeSignalling, IE, type SignallingMessage, tpkt } from "../../src/wire/h225/index.ts";
import { capturedPdus } from "./h323-captures.ts";

export interface Anomaly {
  readonly name: string;
  /** What is written to a fresh connection, TPKT and all. */
  readonly stream: Uint8Array;
}

const REFERENCE = 0x1234;
const GUID = Uint8Array.from({ length: 16 }, (_, i) => i);

type Setup = NonNullable<NonNullable<SignallingMessage["info"]>["h323-uu-pdu"]["h323-message-body"]["setup"]>;
type Pdu = NonNullable<SignallingMessage["info"]>["h323-uu-pdu"];

/** A Setup that would ring. */
export function setup(body: Partial<Setup> = {}, pdu: Partial<Pdu> = {}, message: Partial<SignallingMessage> = {}): Uint8Array {
  return encodeSignalling({
    type: "setup",
    callReference: REFERENCE,
    fromDestination: false,
    elements: [
      { id: IE.bearerCapability, contents: Uint8Array.of(0x88, 0x93, 0xa5) },
      { id: IE.display, contents: Buffer.from("anomaly") },
      { id: IE.calledPartyNumber, contents: Buffer.from("\x811000", "latin1") },
    ],
    info: {
      "h323-uu-pdu": {
        "h323-message-body": {
          setup: {
            protocolIdentifier: "0.0.8.2250.0.4",
            sourceAddress: [{ "h323-ID": "anomaly" }],
            sourceInfo: { terminal: {}, mc: false, undefinedNode: false },
            destinationAddress: [{ dialledDigits: "1000" }],
            activeMC: false,
            conferenceID: GUID,
            conferenceGoal: { create: true },
            callType: { pointToPoint: true },
            callIdentifier: { guid: GUID },
            mediaWaitForConnect: false,
            canOverlapSend: false,
            multipleCalls: false,
            maintainConnection: false,
            ...body,
          },
        },
        h245Tunnelling: true,
        ...pdu,
      },
    },
    ...message,
  });
}

const repeat = (octet: number, count: number): Uint8Array => new Uint8Array(count).fill(octet);
const join = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

function* frames(): Generator<Anomaly> {
  const good = tpkt(setup());
  for (const version of [0, 1, 2, 4, 255])
    yield { name: `TPKT version ${version}`, stream: Uint8Array.from(good, (b, i) => (i === 0 ? version : b)) };
  for (const length of [0, 1, 3, 4, 5, 8, good.length - 1, good.length + 1, 32_768, 65_535])
    yield { name: `TPKT length ${length}`, stream: Uint8Array.from(good, (b, i) => (i === 2 ? length >> 8 : i === 3 ? length & 0xff : b)) };
  yield { name: "TPKT reserved octet", stream: Uint8Array.from(good, (b, i) => (i === 1 ? 0xff : b)) };
  yield { name: "TPKT keep-alives only", stream: join(...Array.from({ length: 1000 }, () => Uint8Array.of(3, 0, 0, 4))) };
  yield { name: "TPKT of 65,535 octets that never ends", stream: join(Uint8Array.of(3, 0, 0xff, 0xff), repeat(0x41, 60_000)) };
  yield { name: "empty Setup", stream: tpkt(Uint8Array.of(8, 2, 0, 1, 5)) };
  yield { name: "nothing", stream: new Uint8Array(0) };
  yield { name: "HTTP", stream: Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n") };
  yield { name: "TLS", stream: Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3) };
}

function* heads(): Generator<Anomaly> {
  const good = setup();
  const put = (at: number, value: number) => tpkt(Uint8Array.from(good, (b, i) => (i === at ? value : b)));
  for (const value of [0, 1, 7, 9, 65, 255]) yield { name: `protocol discriminator ${value}`, stream: put(0, value) };
  for (const value of [0, 1, 3, 15, 16, 127, 255]) yield { name: `call reference of ${value} octets`, stream: put(1, value) };
  yield { name: "call reference 0", stream: tpkt(setup({}, {}, { callReference: 0 })) };
  yield { name: "call reference flag of the other side", stream: tpkt(setup({}, {}, { fromDestination: true })) };
  for (let type = 0; type < 256; type++) yield { name: `message type ${type}`, stream: put(4, type) };
}

/** What is done to the contents of an information element. */
const CONTENTS: readonly (readonly [string, Uint8Array])[] = [
  ["empty", new Uint8Array(0)],
  ["one zero", Uint8Array.of(0)],
  ["one 0xff", Uint8Array.of(0xff)],
  ["extension bit never set", repeat(0x00, 40)],
  ["255 of 0xff", repeat(0xff, 255)],
  ["255 of A", repeat(0x41, 255)],
  ["format string", Buffer.from("%s%n%x%p".repeat(20))],
  ["control characters", Uint8Array.from({ length: 32 }, (_, i) => i)],
  ["path and markup", Buffer.from("../../../etc/passwd<script>'\";--\r\n")],
];

function* elements(): Generator<Anomaly> {
  const good = setup();
  const user = good.indexOf(IE.userUser, 5);
  const [before, after] = [good.subarray(0, 5), good.subarray(user)];
  const ids = [...Object.values(IE).filter((id) => id < 0x80 && id !== IE.userUser), 0x00, 0x01, 0x33, 0x7f];
  for (const id of ids) {
    for (const [what, contents] of CONTENTS) {
      const element = join(Uint8Array.of(id, contents.length), contents);
      yield { name: `element ${id}: ${what}`, stream: tpkt(join(before, element, after)) };
      yield { name: `element ${id}: ${what}, after the user-user element`, stream: tpkt(join(before, after, element)) };
    }
    const one = Uint8Array.of(id, 2, 0x81, 0x31);
    for (const times of [2, 20, 63, 64, 500])
      yield { name: `element ${id} ${times} times`, stream: tpkt(join(before, ...Array.from({ length: times }, () => one), after)) };
    yield { name: `element ${id}: longer than the message`, stream: tpkt(join(before, Uint8Array.of(id, 255, 1))) };
    yield { name: `element ${id}: without a length`, stream: tpkt(join(before, Uint8Array.of(id))) };
  }
  for (let id = 0x80; id < 0x100; id += 5)
    yield { name: `element ${id} of one octet`, stream: tpkt(join(before, Uint8Array.of(id), after)) };
  const contents = after.subarray(3);
  for (const length of [0, 1, 2, contents.length - 1, contents.length + 1, 0x7fff, 0xffff])
    yield {
      name: `user-user element length ${length}`,
      stream: tpkt(join(before, Uint8Array.of(IE.userUser, length >> 8, length & 0xff), contents)),
    };
  for (const discriminator of [0, 1, 4, 6, 8, 255])
    yield {
      name: `user-user discriminator ${discriminator}`,
      stream: tpkt(join(before, after.subarray(0, 3), Uint8Array.of(discriminator), after.subarray(4))),
    };
  yield { name: "user-user element twice", stream: tpkt(join(good, after)) };
}

/** Every octet of the user information changed, and the whole cut there: in a Setup of Asterisk's with ten fast start elements. */
function* octets(): Generator<Anomaly> {
  const captured = capturedPdus("ast16-allaudio-fs_yes-tun_yes.pcap").find(
    (p) => p.kind === "q931" && decodeSignalling(p.bytes).type === "setup",
  );
  const good = Uint8Array.from(captured!.bytes);
  const user = decodeQ931(good).elements.find((e) => e.id === IE.userUser)!;
  // The element is the last; its first octet is the protocol discriminator.
  const from = good.length - user.contents.length + 1;
  for (let at = from; at < good.length; at++) {
    const cut = good.slice(0, at);
    const length = at - from + 1;
    cut[from - 3] = length >> 8;
    cut[from - 2] = length & 0xff;
    yield { name: `user information cut at ${at - from}`, stream: tpkt(cut) };
    for (const value of [0x00, 0x3f, 0x7f, 0x80, 0xff])
      if (good[at] !== value)
        yield { name: `octet ${at - from} ${value}`, stream: tpkt(Uint8Array.from(good, (b, i) => (i === at ? value : b))) };
  }
}

function* values(): Generator<Anomaly> {
  const of = (name: string, body: Partial<Setup>, pdu: Partial<Pdu> = {}): Anomaly => ({ name, stream: tpkt(setup(body, pdu)) });
  const at = (host: readonly number[], port: number) => ({ ipAddress: { ip: Uint8Array.from(host), port } });
  yield of("a name of 256 characters", { sourceAddress: [{ "h323-ID": "\uffff".repeat(256) }] });
  yield of("a name of control characters", { sourceAddress: [{ "h323-ID": "\r\n\0\u202e%s<b>" }] });
  yield of("digits of 128 stars", { destinationAddress: [{ dialledDigits: "*".repeat(128) }] });
  yield of("a URL of 512 characters", { destinationAddress: [{ "url-ID": `h323:${"a".repeat(507)}` }] });
  yield of("a thousand aliases", { destinationAddress: Array.from({ length: 1000 }, () => ({ dialledDigits: "1" })) });
  yield of("no alias", { destinationAddress: [], sourceAddress: [] });
  yield of("empty fast start", { fastStart: [] });
  yield of("a thousand empty fast start elements", { fastStart: Array.from({ length: 1000 }, () => new Uint8Array(0)) });
  yield of("fast start of rubbish", { fastStart: Array.from({ length: 64 }, (_, i) => repeat(i * 4, 200)) });
  yield of("control of rubbish", {}, { h245Control: Array.from({ length: 200 }, (_, i) => repeat(i, 20)) });
  yield of("control of nothing", {}, { h245Control: Array.from({ length: 1000 }, () => new Uint8Array(0)) });
  yield of("parallel control of rubbish", { parallelH245Control: Array.from({ length: 200 }, (_, i) => repeat(255 - i, 20)) });
  for (const [what, host, port] of [
    ["nowhere", [0, 0, 0, 0], 0],
    ["everybody", [255, 255, 255, 255], 1720],
    ["a group", [224, 0, 1, 41], 1718],
    ["another host", [198, 51, 100, 7], 22],
    ["port 0", [127, 0, 0, 1], 0],
  ] as const)
    yield of(`control at ${what}`, { h245Address: at(host, port) }, { h245Tunnelling: false });
  yield of("control at a NetBIOS name", { h245Address: { netBios: repeat(0x41, 16) } }, { h245Tunnelling: false });
  yield of("an identifier of zeros", { callIdentifier: { guid: repeat(0, 16) }, conferenceID: repeat(0, 16) });
  yield of("no identifier", { callIdentifier: { guid: new Uint8Array(16) } });
  const nobody = { h221NonStandard: { t35CountryCode: 0, t35Extension: 0, manufacturerCode: 0 } };
  yield of("20,000 octets of nobody's data", {}, { nonStandardData: { nonStandardIdentifier: nobody, data: repeat(1, 20_000) } });
  for (const depth of [5, 20, 40, 400]) {
    let nested: object = { id: { standard: 1 } };
    for (let i = 0; i < depth; i++) nested = { id: { standard: 1 }, parameters: [{ id: { standard: 1 }, content: { nested: [nested] } }] };
    yield of(`features ${depth} deep`, { supportedFeatures: [nested as never] });
  }
}

function* conversations(): Generator<Anomaly> {
  const good = tpkt(setup());
  const message = (type: SignallingMessage["type"], callReference = REFERENCE, elements: SignallingMessage["elements"] = []) =>
    tpkt(encodeSignalling({ type, callReference, fromDestination: false, elements, info: undefined }));
  yield { name: "Setup twice", stream: join(good, good) };
  yield { name: "Setup of two calls", stream: join(good, tpkt(setup({}, {}, { callReference: 77 }))) };
  yield { name: "Setup and its end", stream: join(good, message("releaseComplete")) };
  yield { name: "ends only", stream: join(...Array.from({ length: 20 }, () => message("releaseComplete"))) };
  for (const type of [
    "alerting",
    "connect",
    "callProceeding",
    "progress",
    "setupAcknowledge",
    "status",
    "statusInquiry",
    "notify",
    "facility",
    "information",
    "disconnect",
    "release",
    0x99,
  ] as const) {
    yield { name: `${type} before Setup`, stream: message(type) };
    yield { name: `${type} from a caller, bare`, stream: join(good, message(type)) };
    yield { name: `${type} of another call`, stream: join(good, message(type, 5)) };
  }
  yield { name: "1,000 inquiries", stream: join(good, ...Array.from({ length: 1000 }, () => message("statusInquiry"))) };
  yield {
    name: "Status of a state that is none",
    stream: join(good, message("status", REFERENCE, [{ id: IE.callState, contents: Uint8Array.of(0xff) }])),
  };
  yield { name: "half a Setup", stream: good.subarray(0, good.length >> 1) };
}

/** All of them, in order: some four thousand; or of the changed octets every fourth, some two thousand. */
export function anomalies(which: "all" | "some"): Anomaly[] {
  const changed = [...octets()].filter((_, i) => which === "all" || i % 4 === 0);
  return [...frames(), ...heads(), ...elements(), ...changed, ...values(), ...conversations()];
}
