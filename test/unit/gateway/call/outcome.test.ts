import { expect, it } from "vitest";
import type { EndCode } from "../../../../src/base/call-failure.ts";
import { blameOf, outcomeOf } from "../../../../src/gateway/call/outcome.ts";

const end = (code: EndCode) =>
  ({ code, by: "network", q850: 16, sipStatus: null, message: "session expired, for what it is worth" }) as const;

it.each<[EndCode, string, string, string, string]>([
  // code, outcome of an answered call in and out, of one that was not answered in and out
  ["hung-up", "completed", "completed", "completed", "far-end-refused"],
  ["refused", "far-end-refused", "far-end-refused", "far-end-refused", "far-end-refused"],
  ["cancelled", "cancelled", "cancelled", "cancelled", "cancelled"],
  ["session-expired", "session-expired", "session-expired", "session-expired", "session-expired"],
  ["connection-lost", "signalling-lost", "signalling-lost", "signalling-lost", "far-end-unreachable"],
  ["far-end-silent", "signalling-lost", "signalling-lost", "signalling-lost", "far-end-unreachable"],
  ["application-gone", "signalling-lost", "signalling-lost", "internal-error", "internal-error"],
  ["no-response", "far-end-unreachable", "far-end-unreachable", "far-end-unreachable", "far-end-unreachable"],
  ["no-answer", "no-answer", "no-answer", "no-answer", "no-answer"],
  ["no-media", "media-not-acceptable", "media-not-acceptable", "media-not-acceptable", "media-not-acceptable"],
  ["not-encrypted", "srtp-required", "srtp-required", "srtp-required", "srtp-required"],
  ["protocol-error", "bad-request", "bad-request", "bad-request", "bad-request"],
  ["certificate-expired", "signalling-lost", "signalling-lost", "certificate-expired", "certificate-expired"],
  ["internal-error", "internal-error", "internal-error", "internal-error", "internal-error"],
])("an end by %s is recorded by its code alone", (code, ...expected) => {
  const found = [true, false].flatMap((answered) =>
    (["in", "out"] as const).map((direction) => outcomeOf(end(code), { direction, answered })),
  );
  expect(found).toEqual(expected);
});

it("blames whose doing an end of the gateway's is", () => {
  expect(blameOf("far-end-refused", { direction: "out" })).toBe("callee");
  expect(blameOf("far-end-refused", { direction: "in" })).toBe("caller");
  expect([blameOf("removed", { direction: "in" }), blameOf("no-input", { direction: "in" })]).toEqual(["meeting", "gateway"]);
});
