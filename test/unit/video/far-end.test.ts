import { describe, expect, it } from "vitest";
import { type Endpoint, TestRelay } from "./helpers.ts";

/** A far end that tells no port beforehand and sends RTCP from a port of its own, as Janus does. */
describe("RTCP of a far end that is not where signalling said", () => {
  const TERMS = { remote: { address: "192.0.2.1", port: 9, rtcpPort: 9 }, direction: "recvonly", receiveSsrc: 1010 } as const;
  /** An empty packet on the RTCP port opens the way. */
  const opens = (far: Endpoint) => far.datagram(Buffer.from("800000000000000000000000", "hex"), 6500, true);
  const answeredAt = (relay: TestRelay, far: Endpoint) => {
    far.ssrc = 1010;
    for (let n = 0; n < 5; n++) far.picture("delta");
    relay.advance(2000);
    expect(far.rtcp.some(({ kind }) => kind === "rr")).toBe(true);
    return far.sentTo;
  };

  it("is answered where it comes from", () => {
    const relay = new TestRelay();
    const far = relay.endpoint("far", TERMS);
    opens(far);
    expect(answeredAt(relay, far)).toBe(6500);
  });

  it("is answered there also when it was faster than the agreement", () => {
    const relay = new TestRelay();
    expect(answeredAt(relay, relay.endpoint("far", TERMS, opens))).toBe(6500);
  });

  it("is not, when somebody at another address was faster", () => {
    const relay = new TestRelay();
    const stranger = (far: Endpoint) => far.line.receive(Buffer.alloc(12, 0x80), "192.0.2.66", 6500, true, relay.now);
    const far = relay.endpoint("far", TERMS, stranger);
    expect(answeredAt(relay, far)).toBe(far.port + 1);
  });
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
