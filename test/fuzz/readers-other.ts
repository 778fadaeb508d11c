import { dialOutSchema, meetingInputSchema } from "../../src/admin/schemas.ts";
import { BfcpServer } from "../../src/bfcp/floor-server.ts";
import { Gatekeeper } from "../../src/h323/index.ts";
import { readableControl, readableRas, readableSignalling } from "../../src/h323/trace-format.ts";
import { parseH323Uri } from "../../src/h323/uri.ts";
import { words } from "../../src/media-server/control/channel/variables.ts";
import { parseJoin } from "../../src/media-server/control/conference/join-args.ts";
import { parseTones } from "../../src/media-server/media/sources/tones.ts";
import { maskDialled, maskName } from "../../src/base/pin-mask.ts";
import { maskParty } from "../../src/records/masking.ts";
import { readPageMessage } from "../../src/web/messages.ts";
import { readCandidate } from "../../src/webrtc/candidates.ts";
import { checkedFragment, isGenuine, isStun, repairAnswer, repairCheck } from "../../src/webrtc/stun.ts";
import { membersOf, parseBfcp, writeBfcp } from "../../src/wire/bfcp/index.ts";
import { FrameReader, parseAppMessage } from "../../src/wire/drachtio/index.ts";
import { EslCommandReader, EslMessageReader } from "../../src/wire/esl/index.ts";
import { parseH224 } from "../../src/wire/h224/index.ts";
import { decodeRas, decodeSignalling, encodeRas, encodeSignalling, TpktReader, tpkt } from "../../src/wire/h225/index.ts";
import { decodeControl, encodeControl } from "../../src/wire/h245/index.ts";
import { parseRtcp } from "../../src/wire/rtcp/index.ts";
import {
  eachNalUnit,
  inspectH264,
  parseHeaderExtensions,
  parseRtp,
  parseSps,
  parseTelephoneEvent,
  Vp8Descriptor,
} from "../../src/wire/rtp/index.ts";
import { capturedControl, capturedPdus, captureNames } from "../support/h323-captures.ts";
import { GK, gatekeeperConfig } from "../support/ras-net.ts";
import { bytes, type Reader, text } from "./reader.ts";
import { TIMEOUT } from "../../src/base/machine.ts";

const hex = (digits: string): Buffer => Buffer.from(digits.replace(/\s/g, ""), "hex");
const captured = captureNames().flatMap((name) => [...capturedPdus(name)]);
const signalling = captured.filter(({ kind }) => kind === "q931").map((pdu) => pdu.bytes);
const ras = captured.filter(({ kind }) => kind === "ras").map((pdu) => pdu.bytes);
const control = captureNames().flatMap((name) => [...capturedControl(name)]);
// RFC 5769 sections 2.1 and 2.2.
const stun = [
  hex(`00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff
    80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`),
  hex(`0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
    00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`),
];
const bfcp = [
  writeBfcp({ version: 1, response: false, primitive: 11, conferenceId: 1, transactionId: 2, userId: 3, attributes: [] }),
  hex("20010002 00000001 00020003 04040001 05040001"),
];

/** A reader of a stream: a new one after each fault, as a new connection would have. */
function stream(name: string, seeds: readonly (Buffer | Uint8Array)[], open: () => { push(chunk: Buffer): unknown }): Reader {
  return {
    name,
    seeds: seeds.map((seed) => Buffer.from(seed)),
    open() {
      let reader = open();
      return (data) => {
        try {
          reader.push(data);
        } catch (error) {
          reader = open();
          throw error;
        }
      };
    },
  };
}

/** Readers of media, H.323, engines, pages and the API. */
export const otherReaders: readonly Reader[] = [
  bytes("rtp", [hex("90e00001 00000002 00000003 bede0001 10aa0000 658899"), hex("80650001 00000002 00000003 050a00a0")], (data) => {
    const packet = parseRtp(data);
    if (!packet) return;
    parseHeaderExtensions(0xbede, data);
    parseHeaderExtensions(0x1000, data);
    parseTelephoneEvent(data.subarray(12));
  }),
  bytes(
    "rtcp",
    [
      hex("80c80006 00000001 0000000200000003 00000004 00000005 00000006 81ca0003 00000001 0103616263000000"),
      hex("81ce0002 00000001 00000002"),
    ],
    parseRtcp,
  ),
  bytes("h264", [hex("780003674200000268ce00026588"), hex("7c8588"), hex("6742c01fda014016e9b8080a00000300020000030064081f")], (data) => {
    inspectH264(data, 0, data.length);
    eachNalUnit(data, 0, data.length, (from, to) => parseSps(data.subarray(from, to)));
  }),
  bytes("vp8", [hex("90f0923405e0b05a009d012a4001f000")], (data) => new Vp8Descriptor().read(data, 0, data.length)),
  bytes("stun", stun, (data) => {
    if (!isStun(data)) return;
    checkedFragment(data);
    isGenuine(data, "VOkJxbRl1RmTxUk/WvJxBt");
    repairCheck(data, "password");
    repairAnswer(data, { address: "127.0.0.1", port: 9 }, "password");
  }),
  text("candidate", ["candidate:1 1 UDP 2122317823 192.0.2.1 54321 typ host generation 0"], readCandidate),
  {
    name: "bfcp",
    seeds: bfcp.map((seed) => Buffer.from(seed)),
    open() {
      const server = new BfcpServer({ conferenceId: 1, userId: 3, floorId: 1 }, false);
      let now = 0;
      return (data) => {
        const message = parseBfcp(data);
        if (!message) return;
        message.attributes.map(membersOf);
        server.received(message);
        server.handle(TIMEOUT, (now += 10));
        server.drain();
      };
    },
  },
  bytes("h224", [hex("7e000000868100030100c8"), hex("000000868100030100c8")], parseH224),
  bytes("h225-signalling", signalling, (data) => {
    encodeSignalling(decodeSignalling(data));
    readableSignalling(data);
  }),
  bytes("h225-ras", ras, (data) => {
    encodeRas(decodeRas(data));
    readableRas(data);
  }),
  {
    name: "gatekeeper",
    seeds: ras.map((seed) => Buffer.from(seed)),
    open() {
      const gatekeeper = new Gatekeeper(gatekeeperConfig());
      let now = 0;
      return (data) => {
        gatekeeper.received(data, { host: "192.0.2.1", port: GK.port }, (now += 10));
        gatekeeper.handle(TIMEOUT, now);
        gatekeeper.drain();
      };
    },
  },
  bytes("h245", control, (data) => {
    encodeControl(decodeControl(data));
    readableControl(data);
  }),
  stream("tpkt", signalling.map(tpkt), () => new TpktReader()),
  stream("drachtio-frames", [Buffer.from("13#1|route|invite"), Buffer.from("32#1|proxy|t|remainInDialog||||2s|\r\n")], () => {
    const reader = new FrameReader();
    return { push: (chunk) => reader.push(chunk).map(parseAppMessage) };
  }),
  stream(
    "event-socket",
    ["auth ClueCon\n\n", "api sofia status\n\n", "sendmsg 1\ncall-command: execute\nexecute-app-arg: a%20b\nContent-Length: 2\n\nhi"].map(
      (t) => Buffer.from(t),
    ),
    () => new EslCommandReader(),
  ),
  stream(
    "event-socket-client",
    ["Content-Type: auth/request\n\n", "Content-Length: 19\nContent-Type: text/event-plain\n\nEvent-Name: A%20B\n\n"].map((t) =>
      Buffer.from(t),
    ),
    () => new EslMessageReader(),
  ),
  text("media-server-arguments", ["1000@default+1234+flags{mute|moderator}", "'a b' c 'd", "v=-7;%(100,50,440,480);L=2;5#"], (value) => {
    parseJoin(value);
    words(value);
    parseTones(value);
  }),
  text("h323-uri", ["h323:alias@[2001:db8::1]:1720;transport=tls", "h323:1000"], parseH323Uri),
  text("pin-mask", ["sip:7700-98765@gw.example;x=1", "To:sip:+1(555) 010-0100**1@h 7700 98765"], (shown) => [
    maskDialled(shown),
    maskName(shown),
  ]),
  text("masking", ["sip:+1 555 010-0100@gw.example", "2000"], (party) => maskParty(party, "numbers")),
  text("page-message", ['{"type":"join","meeting":"1000**1234","name":"Ada","pin":"1234","language":"de"}'], readPageMessage),
  text(
    "api-body",
    ['{"uri":"sip:a@b.example","meeting":"1000","keys":"1234#"}', '{"number":"1000","guestPin":"1234","hostPin":"5678"}'],
    (body) => {
      let value: unknown;
      try {
        value = JSON.parse(body);
      } catch {
        return;
      }
      dialOutSchema.safeParse(value);
      meetingInputSchema.safeParse(value);
    },
  ),
];
