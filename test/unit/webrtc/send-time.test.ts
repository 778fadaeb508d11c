import { expect, it } from "vitest";
import { SEND_TIME_EXTENSION, takesSendTime, withSendTime } from "../../../src/webrtc/send-time.ts";
import { parseRtp } from "../../../src/wire/rtp/index.ts";

function packet(length: number, first = 0x80): Buffer {
  const bytes = Buffer.from(Array.from({ length }, (_, at) => at & 0xff));
  bytes[0] = first;
  bytes[1] = 102;
  return bytes;
}

it("puts the time of sending before the payload, 24 bits of a second in 2^18 parts", () => {
  const before = packet(40);
  const after = parseRtp(Buffer.from(withSendTime(before, 1_500)))!;
  expect(after).toMatchObject({ payloadType: 102, sequenceNumber: 0x0203 });
  expect(Buffer.from(after.payload)).toEqual(before.subarray(12));
  const bytes = withSendTime(before, 1_500);
  expect(bytes.subarray(12, 20).toString("hex")).toBe("bede00011206" + "0000");
  // 64 seconds and it begins anew
  expect(withSendTime(before, 64_000 + 1_500).subarray(12, 20)).toEqual(bytes.subarray(12, 20));
  expect(withSendTime(before, 63_999.999).subarray(17, 20).toString("hex")).toBe("ffffff");
});

it("keeps contributing sources before it", () => {
  const before = packet(40, 0x82);
  const after = withSendTime(before, 0);
  expect(after.subarray(1, 20)).toEqual(before.subarray(1, 20));
  expect(after[0]).toBe(0x92);
  expect(after.subarray(28)).toEqual(before.subarray(20));
});

it.each([
  ["has extensions of its own", packet(40, 0x90)],
  ["would be too long for a datagram", packet(1_400)],
  ["is shorter than its header", packet(13, 0x8f)],
])("leaves a packet alone that %s", (_, bytes) => {
  expect(withSendTime(bytes, 0)).toBe(bytes);
});

it("is for browsers that take it, whichever way they say so", () => {
  const answer = (line: string) => `v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\n${line}\r\na=mid:camera\r\n`;
  expect(takesSendTime(answer(`a=extmap:${SEND_TIME_EXTENSION}`))).toBe(true);
  expect(takesSendTime(answer(`a=extmap:${SEND_TIME_EXTENSION.replace(" ", "/recvonly ")}`))).toBe(true);
  expect(takesSendTime(answer("a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid"))).toBe(false);
});
