import { expect, test } from "vitest";
import {
  answerForMediaServer,
  checkCodecs,
  chooseAudio,
  firstCodec,
  type MediaPolicy,
  offerForMediaServer,
  offerForPeer,
  orderFormats,
} from "../../../src/negotiation/index.ts";
import { parseSdp, type SdpMedia, writeSdp } from "../../../src/wire/sdp/index.ts";

/** A description with these rtpmaps, in this order; a bare number is a static type without one. */
function description(...formats: string[]) {
  const types = formats.map((format) => format.split(" ", 1)[0]);
  return parseSdp(
    [
      "v=0",
      "o=- 1 1 IN IP4 192.0.2.1",
      "s=-",
      "c=IN IP4 192.0.2.1",
      "t=0 0",
      `m=audio 4000 RTP/AVP ${types.join(" ")}`,
      ...formats.filter((format) => format.includes(" ")).map((format) => `a=rtpmap:${format}`),
      "",
    ].join("\r\n"),
  );
}

const line = (...formats: string[]): SdpMedia => description(...formats).media[0]!;
const types = (formats: readonly { readonly payloadType: number }[]) => formats.map(({ payloadType }) => payloadType);

const EVERYTHING = ["0", "8", "18", "9", "13", "96 opus/48000/2", "101 telephone-event/8000", "102 telephone-event/48000"];

test("orders by the policy, leaves out what it does not list, keeps events and comfort noise behind", () => {
  expect(types(orderFormats(line(...EVERYTHING), { codecs: ["opus", "G722", "PCMA"] }))).toEqual([96, 9, 8, 13, 101, 102]);
  expect(types(orderFormats(line(...EVERYTHING), { codecs: ["g722", "pcmu"] }))).toEqual([9, 0, 13, 101]);
});

test("without a list everything stays as it is", () => {
  expect(types(orderFormats(line(...EVERYTHING), {}))).toEqual([0, 8, 18, 9, 13, 96, 101, 102]);
});

test("the codec in force stays first, unless it is listed no more", () => {
  const codecs = ["opus", "G722", "PCMU"];
  expect(types(orderFormats(line(...EVERYTHING), { codecs }, "PCMU")).slice(0, 3)).toEqual([0, 96, 9]);
  expect(types(orderFormats(line(...EVERYTHING), { codecs }, "PCMA")).slice(0, 3)).toEqual([96, 9, 0]);
});

test("a line with none of the listed codecs is refused, and told which were there", () => {
  const none = line("18", "101 telephone-event/8000");
  expect(checkCodecs(none, { codecs: ["opus", "PCMU"] })).toMatchObject({
    code: "no-common-codec",
    warning: 304,
    text: "No audio codec in common: G729 offered, opus, PCMU taken",
  });
  expect(orderFormats(none, { codecs: ["opus", "PCMU"] })).toEqual([]);
  expect(checkCodecs(line("0"), { codecs: ["PCMU"] })).toBeNull();
});

test("the first codec is the first that carries sound", () => {
  expect(firstCodec(line("101 telephone-event/8000", "13", "8", "0"))).toBe("PCMA");
  expect(firstCodec(undefined)).toBeUndefined();
});

const policy: MediaPolicy = { policy: "none", transport: "udp", codecs: ["G722", "PCMA"] };

test("the media server is shown the caller's offer in our order", () => {
  const offer = description(...EVERYTHING);
  const choice = chooseAudio(offer, policy);
  if (choice.kind === "refuse") throw new Error(choice.text);
  const shown = offerForMediaServer(offer, choice, policy);
  expect(writeSdp(shown)).toContain("m=audio 4000 RTP/AVP 9 8 13 101\r\n");
});

test("a far end gets the media server's offer in our order, refused where nothing is left", () => {
  const offered = offerForPeer(description(...EVERYTHING), policy);
  if (offered.kind === "refuse") throw new Error(offered.text);
  expect(types(offered.session.media[0]!.formats)).toEqual([9, 8, 13, 101]);
  // in mid-call the codec in force is first
  const again = offerForPeer(description(...EVERYTHING), policy, { previous: description("8", "9") });
  if (again.kind === "refuse") throw new Error(again.text);
  expect(types(again.session.media[0]!.formats)).toEqual([8, 9, 13, 101]);
  expect(offerForPeer(description("0"), policy)).toMatchObject({ kind: "refuse", code: "no-common-codec" });
});

test("an answer keeps its own order, without codecs that were not offered", () => {
  const mediaServerOffer = description(...EVERYTHING);
  const sent = description("9", "8", "101 telephone-event/8000");
  const answer = answerForMediaServer(description("8", "0", "9"), { mediaServerOffer, sent, context: policy });
  if (answer.kind === "refuse") throw new Error(answer.text);
  expect(types(answer.session.media[0]!.formats)).toEqual([8, 9]);
  expect(answerForMediaServer(description("0"), { mediaServerOffer, sent, context: policy })).toMatchObject({ code: "no-common-codec" });
});
