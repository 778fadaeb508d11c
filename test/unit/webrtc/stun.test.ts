import { describe, expect, it } from "vitest";
import { checkedFragment, isGenuine, isStun, repairAnswer, repairCheck, stunType } from "../../../src/webrtc/stun.ts";
import { mutate, random } from "../../support/mutate.ts";

const PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt";
const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex");
// RFC 5769 section 2.1
const REQUEST = hex(`00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff
  80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`);
// RFC 5769 section 2.2
const RESPONSE = hex(`0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
  00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`);

describe("STUN between a browser and the library", () => {
  it("knows whose a check is, and whether it is genuine (RFC 5769 section 2)", () => {
    expect(isStun(REQUEST)).toBe(true);
    expect(stunType(REQUEST)).toBe(1);
    expect(checkedFragment(REQUEST)).toBe("evtj");
    expect(isGenuine(REQUEST, PASSWORD)).toBe(true);
    expect(isGenuine(RESPONSE, PASSWORD)).toBe(true);
    expect(isGenuine(REQUEST, "another")).toBe(false);
  });

  it("leaves a check alone that has a tie-breaker", () => {
    const check = Buffer.from(REQUEST);
    repairCheck(check, PASSWORD);
    expect(check.equals(REQUEST)).toBe(true);
  });

  it("gives a check a tie-breaker that has zero for one, and seals it anew", () => {
    const check = Buffer.from(REQUEST);
    check.fill(0, 52, 60);
    repairCheck(check, PASSWORD);
    expect(check.readBigUInt64BE(52)).toBe(1n);
    expect(isGenuine(check, PASSWORD)).toBe(true);
    expect(check.subarray(-4).equals(REQUEST.subarray(-4))).toBe(false);
  });

  it("seals to the bit as the RFC does", () => {
    const answer = Buffer.from(RESPONSE);
    repairAnswer(answer, { address: "127.0.0.1", port: 9 }, PASSWORD);
    expect(answer.equals(RESPONSE)).toBe(false);
    expect(isGenuine(answer, PASSWORD)).toBe(true);
    repairAnswer(answer, { address: "192.0.2.1", port: 32_853 }, PASSWORD);
    expect(answer.equals(RESPONSE)).toBe(true);
    repairAnswer(answer, { address: "2001:db8::1", port: 1 }, PASSWORD);
    expect(answer.equals(RESPONSE)).toBe(true);
  });

  it("survives whatever comes, and takes none of it for genuine", () => {
    const next = random(11);
    for (let i = 0; i < 10_000; i++) {
      const packet = mutate(i % 2 ? REQUEST : RESPONSE, next);
      if (packet.length < 20 || packet.equals(REQUEST) || packet.equals(RESPONSE)) continue;
      isStun(packet);
      checkedFragment(packet);
      // what is behind the seal may change without breaking it
      if (packet.subarray(0, -8).equals((i % 2 ? REQUEST : RESPONSE).subarray(0, -8))) continue;
      expect(isGenuine(packet, PASSWORD) && isStun(packet)).toBe(false);
      repairCheck(packet, PASSWORD);
      repairAnswer(packet, { address: "127.0.0.1", port: 9 }, PASSWORD);
    }
  });
});
