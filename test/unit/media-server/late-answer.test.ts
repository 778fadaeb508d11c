import { expect, test } from "vitest";
import { loadOpus } from "../../../src/audio/codecs.ts";
import { standInAnswer } from "../../../src/media-client/placeholder-answer.ts";
import { encoderFor, encodingKey } from "../../../src/media-server/media/encoders.ts";
import { speechLike } from "../../support/speech.ts";
import { MediaNegotiation } from "../../../src/media-server/control/sip/negotiate.ts";

const local = { address: "127.0.0.1", rtpPort: 20_000, rtcpPort: 20_001 };

test("our own offer sent back as its answer names nobody and no keys; the real answer, as an offer, finds the keys first offered", () => {
  const negotiation = new MediaNegotiation(local, ["PCMU"]);
  const offer = negotiation.offer(true);
  const echoed = negotiation.answered(offer.replace("t=0 0\r\n", "t=0 0\r\na=recvonly\r\n"));
  expect(echoed).toMatchObject({ kind: "outcome", config: { remote: { port: 0 } } });
  expect("config" in echoed && echoed.config.srtp).toBeUndefined();

  const ours = /a=crypto:1 AEAD_AES_256_GCM inline:(\S+)/.exec(offer)?.[1];
  expect(ours).toBeDefined();
  const theirs = Buffer.alloc(44, 7).toString("base64");
  const outcome = negotiation.answer(
    `v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AEAD_AES_256_GCM inline:${theirs}\r\n`,
  );
  expect(outcome).toMatchObject({ kind: "outcome", config: { remote: { address: "127.0.0.2", port: 4000 } } });
  expect(negotiation.localSdp).toContain(`a=crypto:1 AEAD_AES_256_GCM inline:${ours}`);
});

test("an answer at the discard port stands in for one to come: nothing is sent, and the real one finds the keys first offered", () => {
  const negotiation = new MediaNegotiation(local, ["PCMU"]);
  const offer = negotiation.offer(true);
  const standIn = negotiation.answered(standInAnswer(offer));
  expect(standIn).toMatchObject({ kind: "outcome", config: { remote: { port: 0 } } });
  expect("config" in standIn && standIn.config.srtp).toBeUndefined();
  const theirs = Buffer.alloc(44, 7).toString("base64");
  negotiation.answer(
    `v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\na=crypto:1 AEAD_AES_256_GCM inline:${theirs}\r\n`,
  );
  const keyOf = (sdp: string) => /a=crypto:1 AEAD_AES_256_GCM inline:(\S+)/.exec(sdp)?.[1];
  expect(keyOf(negotiation.localSdp)).toBe(keyOf(offer));
});

test("an Opus peer's maxaveragebitrate is kept to (RFC 7587 section 6.1)", () => {
  const rateFor = (parameter: string) => {
    const outcome = new MediaNegotiation(local, ["OPUS"]).answer(
      `v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1${parameter}\r\n`,
    );
    return outcome.kind === "outcome" ? outcome.config.opus : outcome;
  };
  expect(rateFor(";maxaveragebitrate=20000")).toEqual({ fec: true, dtx: false, maxBitrate: 20_000 });
  expect(rateFor(";maxaveragebitrate=510000")).toEqual({ fec: true, dtx: false });
  expect(rateFor(";maxaveragebitrate=-1")).toEqual({ fec: true, dtx: false });
  expect(rateFor("")).toEqual({ fec: true, dtx: false });
  expect(encodingKey("opus", { fec: true, dtx: false, maxBitrate: 20_000 })).not.toBe(encodingKey("opus", { fec: true, dtx: false }));
});

test("an encoder for a peer with little bandwidth makes as little as that", async () => {
  await loadOpus();
  const sizes = await Promise.all(
    [undefined, 12_000].map(async (maxBitrate) => {
      const encoder = encoderFor(encodingKey("opus", { fec: false, dtx: false, ...(maxBitrate === undefined ? {} : { maxBitrate }) }));
      await new Promise((resolve) => setImmediate(resolve));
      const pcm = speechLike(48_000, 2000, 2);
      const bytes = new Uint8Array(1500);
      let sum = 0;
      for (let at = 0; at + 960 <= pcm.length; at += 960) sum += encoder.encode(pcm.subarray(at, at + 960), bytes);
      encoder.close();
      return (sum * 8) / 2;
    }),
  );
  expect(sizes[0]).toBeGreaterThan(40_000);
  expect(sizes[1]).toBeLessThan(20_000);
  expect(sizes[1]).toBeGreaterThan(5000);
});
