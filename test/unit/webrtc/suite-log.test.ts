import { expect, it } from "vitest";
import { advertised } from "../../../src/webrtc/candidates.ts";
import { SuiteLog } from "../../../src/webrtc/suite-log.ts";

it("names the suite of a connection when all of its time had the same", () => {
  const log = new SuiteLog();
  const first = log.mark();
  log.read("rtc::impl::DtlsSrtpTransport::postHandshake@304: SRTP profile is: SRTP_AEAD_AES_256_GCM");
  log.read("something else");
  expect(log.since(first)).toBe("DTLS-SRTP AEAD_AES_256_GCM");
  const second = log.mark();
  log.read("SRTP profile is: SRTP_AES128_CM_SHA1_80");
  expect(log.since(second)).toBe("DTLS-SRTP AES_CM_128_HMAC_SHA1_80");
  expect(log.since(first)).toBe("DTLS-SRTP");
  expect(log.since(log.mark())).toBe("DTLS-SRTP");
});

it("forgets long ago, and still counts", () => {
  const log = new SuiteLog();
  for (let i = 0; i < 2_000; i++) log.read("SRTP profile is: SRTP_AES128_CM_SHA1_80");
  const mark = log.mark();
  for (let i = 0; i < 3; i++) log.read("SRTP profile is: SRTP_AEAD_AES_128_GCM");
  expect(log.since(mark)).toBe("DTLS-SRTP AEAD_AES_128_GCM");
});

it("tells a host candidate by the address of the outside", () => {
  const candidate = "candidate:1 1 UDP 2114977791 10.0.0.5 26704 typ host";
  expect(advertised(candidate, "203.0.113.9")).toBe("candidate:19 1 UDP 2114977791 203.0.113.9 26704 typ host");
  expect(advertised(candidate, "10.0.0.5")).toBeNull();
  expect(advertised(candidate, "gw.example.com")).toBeNull();
  expect(advertised(candidate, "2001:db8::1")).toBeNull();
  expect(advertised(candidate, null)).toBeNull();
  expect(advertised("candidate:2 1 UDP 1 203.0.113.1 9 typ srflx raddr 10.0.0.5 rport 9", "203.0.113.9")).toBeNull();
});
