import { parseReason } from "../../src/legs/cause.ts";
import { parseInfoDtmf } from "../../src/legs/dtmf.ts";
import { describeResponse } from "../../src/legs/sip/drachtio.ts";
import { asksForPicture } from "../../src/legs/sip/media-control-xml.ts";
import { parseReferTo, parseSipfrag } from "../../src/legs/sip/refer.ts";
import { parseSessionExpires } from "../../src/legs/sip/session-timer.ts";
import { getParser, parseChallenge, parseSipMessage, parseUri } from "../../src/legs/sip/srf-reader.ts";
import { infoDigit } from "../../src/media-server/control/sip/sip-profile.ts";
import { parseDialledUri } from "../../src/meetings/dial-string.ts";
import { floorLabels, pictureRole } from "../../src/negotiation/video.ts";
import { SipLayer } from "../../src/sip/index.ts";
import { readCrypto } from "../../src/srtp/sdes.ts";
import { matchesNames, sipDomains } from "../../src/security/certificates/names.ts";
import { parseSdp } from "../../src/wire/sdp/index.ts";
import { parseAuth, parseCSeq, parseRAck, parseSeconds, parseValueParams } from "../../src/wire/sip/fields.ts";
import {
  answerChallenges,
  checkMessage,
  formatNameAddr,
  parseMessage,
  SipRequest,
  StreamFramer,
  sameUri,
  splitList,
  tagOf,
  tryParseNameAddr,
  tryParseUri,
  tryParseVia,
  uriOf,
} from "../../src/wire/sip/index.ts";
import { readSip } from "../../src/trace/index.ts";
import { parsePeerCertificate } from "../../src/wire/sip/peer-certificate.ts";
import { random } from "../support/mutate.ts";
import { asterisk, baresip } from "../unit/wire/sdp/samples.ts";
import { torture } from "../unit/wire/sip/rfc4475.ts";
import { bytes, type Reader, text } from "./reader.ts";
import { TIMEOUT } from "../../src/base/machine.ts";

const messages = Object.values(torture).map((message) => Buffer.from(message, "latin1"));
const addresses = [
  '"Ada \\"L\\" Lovelace" <sip:2000**1234@gw.example;transport=tls?X=1>;tag=88sja8x;x="y"',
  "sip:ada@[2001:db8::1]:5060;tag=1",
  "Ada <tel:+1-555-0100;phone-context=a>, <sips:b%40c@d.example>",
];
const challenge =
  'Digest realm="a", nonce="abc,def", qop="auth,auth-int", algorithm=SHA-256, opaque="x\\"y", stale=true, Digest realm="b", nonce="c"';

/** Readers of SIP and of what its messages carry. */
export const sipReaders: readonly Reader[] = [
  bytes("sip-trace", messages, (data) => void readSip(data, () => "full")),
  bytes("sip-message", messages, (data) => {
    const message = parseMessage(data);
    checkMessage(message);
    message.toBuffer();
    for (const { value } of message.headers) {
      splitList(value).map(tryParseVia);
      const address = tryParseNameAddr(value);
      if (address) uriOf(address);
      tagOf(value);
    }
  }),
  // As the application reads what an engine sends it, every field taken apart.
  text("application-message", Object.values(torture), (message) => {
    const read = parseSipMessage(message, true);
    for (const [name, value] of Object.entries(read?.headers ?? {})) getParser(name.toLowerCase())({ s: String(value) });
  }),
  text("application-fields", [...addresses, challenge], (value) => {
    parseUri(value);
    parseChallenge(value);
  }),
  {
    name: "sip-stream",
    seeds: messages,
    open() {
      let framer = new StreamFramer();
      return (data) => {
        try {
          framer.push(data);
        } catch (error) {
          framer = new StreamFramer();
          throw error;
        }
      };
    },
  },
  {
    name: "sip-layer",
    seeds: messages,
    open() {
      let now = 0;
      const layer = new SipLayer({ handler: { onRequest: (transaction, at) => transaction.reply(404, at) }, random: random(1) });
      layer.addListener({ id: 1, transport: "udp", address: "192.0.2.1", port: 5060, advertisedHost: "192.0.2.1", advertisedPort: 5060 });
      const source = {
        transport: "udp",
        address: "192.0.2.9",
        port: 5060,
        localAddress: "192.0.2.1",
        localPort: 5060,
        connection: 0,
        listener: 1,
      } as const;
      return (data) => {
        layer.receive(data, source, now);
        now += 10;
        for (let due = layer.nextTimeout(); due !== undefined && due <= now; due = layer.nextTimeout()) layer.handle(TIMEOUT, now);
        layer.drain();
      };
    },
  },
  text("name-addr", addresses, (value) => {
    for (const one of splitList(value)) {
      const address = tryParseNameAddr(one);
      if (address) formatNameAddr(address);
    }
    tagOf(value);
  }),
  text("uri", ["sip:2000##1@gw.example:5061;lr;x=%41?H=a&b=c", "tel:+1-555-0100;ext=1", "sips:[::1]:5061"], (value) => {
    const uri = tryParseUri(value);
    if (uri) sameUri(uri, uri);
  }),
  text("via", ["SIP / 2.0 / UDP gw.example:5060;branch=z9hG4bK1;rport;received=192.0.2.1", "SIP/2.0/TLS [2001:db8::1];alias"], tryParseVia),
  text("cseq-and-kin", ["4711 INVITE", "1 4711 INVITE", "1800;refresher=uas", "90 (soon);duration=3"], (value) => {
    parseCSeq(value);
    parseRAck(value);
    parseSeconds(value);
    parseValueParams(value);
    parseSessionExpires(value);
  }),
  text(
    "digest",
    [challenge, 'Basic realm="x"', 'Digest username="a",realm="b",nonce="c",uri="sip:d",response="e",nc=00000001'],
    (value) => {
      parseAuth(value);
      answerChallenges([value], { username: "a", password: "b" }, { method: "INVITE", uri: "sip:b@c", body: "" });
    },
  ),
  text("refer-to", ["<sip:a@b.example?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>;x", "tel:+15550100"], parseReferTo),
  text("sipfrag", ["SIP/2.0 200 OK\r\nContact: <sip:a>\r\n"], parseSipfrag),
  text("reason", ['SIP;cause=200;text="done, elsewhere",Q.850;cause=16;text=normal'], parseReason),
  text("warning", ['399 gw.example "no \\"keys\\" on this line", 304 b "x"'], (value) =>
    describeResponse({ status: 488, reason: "No", get: () => value } as unknown as Parameters<typeof describeResponse>[0]),
  ),
  text("dtmf-info", ["Signal=5\r\nDuration=160\r\n", " signal = 11 \n duration = 80\n"], (body) => {
    parseInfoDtmf("application/dtmf-relay", body);
    parseInfoDtmf("application/dtmf", body);
    const info = new SipRequest("INFO", "sip:a");
    info.headers.push({ key: "content-type", name: "Content-Type", value: "application/dtmf-relay" });
    info.body = Buffer.from(body, "latin1");
    infoDigit(info);
  }),
  text(
    "media-control",
    ['<?xml version="1.0"?><media_control><vc_primitive><to_encoder><x:picture_fast_update/></to_encoder></vc_primitive></media_control>'],
    asksForPicture,
  ),
  text("sdp", [baresip, asterisk], (value) => {
    const session = parseSdp(value);
    session.media.forEach((media, index) => {
      media.crypto.map(readCrypto);
      floorLabels(media);
      if (media.kind === "video") pictureRole(session, index);
    });
  }),
  text("dial-string", ["sip:2000**1234@gw.example;locale=de_DE", "sip:%32000%23%23123456%23@gw", "tel:+1(555)010-0##1"], parseDialledUri),
  text(
    "peer-certificate",
    ['verified=1;subject="CN=a,O=\\"b\\"";issuer="CN=c";san="DNS:a.example,URI:sip:a%2C";ca="0a";fingerprint="0b"'],
    (value) => {
      const peer = parsePeerCertificate(value);
      if (peer) sipDomains(peer);
    },
  ),
  text("certificate-names", ["O=x, CN = gw.example+OU=y", 'C=DE\nCN="a b"', "DNS:a.example"], (subject) => {
    matchesNames({ san: [], commonName: subject }, [subject]);
    matchesNames({ san: subject.split(", ") }, ["gw.example", "*.example", subject]);
  }),
];
