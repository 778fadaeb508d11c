import { randomBytes } from "node:crypto";
import { composeAnswer, emptyMedia, sameName } from "../../negotiation/index.ts";
import { parseSdp, type SdpCrypto, type SdpMedia, writeSdp } from "../../wire/sdp/index.ts";

/**
 * An answer to the media server's offer for as long as nobody has given the real one: one codec, one key that nobody has, and no packets either way. A call
 * of ours may ring for minutes, which no 200 waits for.
 */
export function placeholderAnswer(offerText: string): string {
  const offer = parseSdp(offerText);
  const answers = new Map<number, SdpMedia>();
  const index = offer.media.findIndex(({ kind, port }) => kind === "audio" && port !== 0);
  const offered = offer.media[index];
  if (offered) {
    const codec = offered.formats
      .filter((format) => !sameName(format.codec ?? "", "telephone-event") && !sameName(format.codec ?? "", "CN"))
      .slice(0, 1);
    const events = offered.formats.filter((format) => sameName(format.codec ?? "", "telephone-event"));
    answers.set(index, {
      ...emptyMedia("audio", offered.protocol, [...codec, ...events]),
      port: 9,
      connection: { ipVersion: 4, address: "0.0.0.0" },
      crypto: offered.crypto.slice(0, 1).map(withOtherKey),
      direction: "inactive",
    });
  }
  const origin = { ...offer.origin, username: "-", sessionId: String(randomBytes(4).readUInt32BE()), version: "1" };
  return writeSdp(composeAnswer(offer, answers, origin));
}

function withOtherKey({ tag, suite, keys }: SdpCrypto): SdpCrypto {
  const other = keys
    .slice(0, 1)
    .map((key) => ({ ...key, keySalt: randomBytes(Buffer.from(key.keySalt, "base64").length).toString("base64") }));
  return { tag, suite, keys: other, sessionParams: [] };
}
