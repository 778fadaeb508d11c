import { expect, it } from "vitest";
import { TestRelay } from "./helpers.ts";

/** A far end that tells no port beforehand and sends RTCP from a port of its own, as Janus does. */
it("answers RTCP where it comes from when the far end is not where signalling said", () => {
  const relay = new TestRelay();
  const far = relay.endpoint("far", { remote: { address: "192.0.2.1", port: 9, rtcpPort: 9 }, direction: "recvonly", receiveSsrc: 1010 });
  // an empty packet on the RTCP port opens the way
  far.datagram(Buffer.from("800000000000000000000000", "hex"), 6500, true);
  far.ssrc = 1010;
  for (let n = 0; n < 5; n++) far.picture("delta");
  relay.advance(2000);
  expect(far.rtcp.some(({ kind }) => kind === "rr")).toBe(true);
  expect(far.sentTo).toBe(6500);
});

it("takes the one stream it is for where several come to one port", () => {
  const relay = new TestRelay();
  const far = relay.endpoint("far", { direction: "recvonly", receiveSsrc: 1010 });
  far.ssrc = 1000;
  far.picture("key");
  expect(far.line.stats(relay.now).packetsIn).toBe(0);
  far.ssrc = 1010;
  far.picture("key");
  expect(far.line.stats(relay.now).packetsIn).toBe(3);
});

it("sends under the SSRC the far end expects", () => {
  const relay = new TestRelay();
  const from = relay.participant("from");
  const to = relay.participant("to", { direction: "sendonly", sendSsrc: 1000 });
  from.picture("key");
  expect(new Set(to.take().map(({ ssrc }) => ssrc))).toEqual(new Set([1000]));
});
