import { expect, test } from "vitest";
import { standInAnswer } from "../../../src/media-client/placeholder-answer.ts";
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
