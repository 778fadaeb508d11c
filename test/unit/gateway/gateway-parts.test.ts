import { describe, expect, it } from "vitest";
import { AdminError } from "../../../src/admin/ports.ts";
import { compareTrunks, defineMeeting } from "../../../src/gateway/meeting/define-meeting.ts";
import { LoadMeter, overloadReason } from "../../../src/gateway/overload.ts";
import { pictureLines } from "../../../src/gateway/call/video-stats.ts";
import { causeOfOutcome, refuse } from "../../../src/gateway/call/refusals.ts";
import { dialTarget } from "../../../src/gateway/sip/dial-targets.ts";
import { trunk } from "../trunks/fixtures.ts";

describe("the contract's refusals", () => {
  it.each([
    ["no-such-meeting", 404, 1],
    ["end-to-end-encrypted", 488, 79],
    ["srtp-not-acceptable", 488, 79],
    ["srtp-required", 488, 79],
    ["trunk-unknown", 403, 21],
    ["certificate-expired", 403, 21],
    ["certificate-unknown-ca", 403, 21],
    ["certificate-absent", 403, 21],
    ["certificate-name", 403, 21],
    ["meeting-full", 486, 17],
    ["meeting-locked", 603, 21],
    ["overload", 503, 42],
    ["draining", 503, 42],
    ["unknown-site", 404, 1],
  ] as const)("%s", (code, status, cause) => {
    expect(refuse(code, "r")).toMatchObject({ code, status, cause, reason: "r", ...(status === 503 ? { retryAfterSeconds: 10 } : {}) });
    expect(causeOfOutcome(code)).toBe(cause);
  });
  it("give calls that were answered a cause too", () => {
    expect(causeOfOutcome("completed")).toBe(16);
    expect(causeOfOutcome("media-timeout")).toBe(102);
    expect(causeOfOutcome("signalling-lost")).toBe(27);
  });
});

describe("overload", () => {
  const calm = { eventLoopMs: 1, cpuPercent: 10 };
  const late = { eventLoopMs: 400, cpuPercent: 10 };
  const busy = { eventLoopMs: 1, cpuPercent: 99 };
  it("is two bad seconds in a row, or too many calls", () => {
    expect(overloadReason(5, [calm, calm], {})).toBeNull();
    expect(overloadReason(5, [calm, late], {})).toBeNull();
    expect(overloadReason(5, [late, late], {})).toContain("400 ms");
    expect(overloadReason(5, [busy, busy], {})).toContain("99 %");
    expect(overloadReason(5, [busy, late], {})).toBeNull();
    expect(overloadReason(5, [late, late], { eventLoopMs: 0 })).toBeNull();
    expect(overloadReason(5, [calm, calm], { maxCalls: 5 })).toContain("5 calls");
  });
  it("is measured", async () => {
    const meter = new LoadMeter();
    const [first] = meter.samples;
    expect(first).toEqual({ eventLoopMs: 0, cpuPercent: 0 });
    meter.stop();
  });
});

describe("where our calls go", () => {
  const pbx = trunk("pbx", { target: "sip:pbx.example:5070;transport=tcp" });
  const edge = trunk("edge", { target: "sips:edge.example" });
  const open = trunk("open");
  const to = (uri: string, trunks = [pbx, edge], byDefault: typeof open | null = null, anywhere = false) => {
    const found = dialTarget(uri, trunks, byDefault, anywhere);
    return found && [found.trunk.name, found.target.uri, found.target.transport, found.target.proxy];
  };
  it.each([
    ["sip:bob@pbx.example", ["pbx", "sip:bob@pbx.example:5070;transport=tcp", "tcp", undefined]],
    ["sip:bob@PBX.example;transport=tls", ["pbx", "sip:bob@pbx.example:5070;transport=tcp", "tls", undefined]],
    ["sip:bob@pbx.example:5099", ["pbx", "sip:bob@pbx.example:5099", "tcp", undefined]],
    ["sips:room@edge.example", ["edge", "sips:room@edge.example", "tls", undefined]],
    ["tel:+1-555-0100", ["pbx", "sip:+15550100@pbx.example:5070;transport=tcp;user=phone", "tcp", undefined]],
    ["sip:bob@elsewhere.example", undefined],
    ["sip:", undefined],
    ["sip:a@b c", undefined],
    ["sip:a@b;transport=sctp", undefined],
    ["http://x", undefined],
  ])("%s", (uri, expected) => {
    expect(to(uri)).toEqual(expected);
  });
  it("through a trunk that was named, wherever; or straight by the default trunk", () => {
    expect(to("sip:bob@elsewhere.example", [pbx], null, true)).toEqual([
      "pbx",
      "sip:bob@elsewhere.example",
      "tcp",
      "sip:pbx.example:5070;transport=tcp",
    ]);
    expect(to("sip:bob@elsewhere.example", [pbx], open)).toEqual(["open", "sip:bob@elsewhere.example", "udp", undefined]);
    expect(to("sip:bob@[2001:db8::1]:5061;transport=tls", [], open)).toEqual([
      "open",
      "sip:bob@[2001:db8::1]:5061;transport=tls",
      "tls",
      undefined,
    ]);
    expect(to("sip:bob@x.example", [open], null, true)).toEqual(["open", "sip:bob@x.example", "udp", undefined]);
    expect(to("tel:+1555", [open], null, true)).toBeUndefined();
  });
});

describe("definitions", () => {
  it("hash PINs, and keep a hash whose PIN has not changed", async () => {
    const first = await defineMeeting({ id: "1", guestPin: "1234" }, undefined, "de");
    expect(first).toMatchObject({ language: "de", name: "1", hostPin: null, guestPin: expect.stringMatching(/^scrypt\$/) });
    expect((await defineMeeting({ id: "1", guestPin: "1234", name: "New" }, first, "de")).guestPin).toBe(first.guestPin);
    expect((await defineMeeting({ id: "1", name: "New" }, first, "de")).guestPin).toBe(first.guestPin);
    expect((await defineMeeting({ id: "1", guestPin: "4321" }, first, "de")).guestPin).not.toBe(first.guestPin);
    expect((await defineMeeting({ id: "1", guestPin: null }, first, "de")).guestPin).toBeNull();
    await expect(defineMeeting({ id: "1", hostPin: "1234" }, first, "de")).rejects.toMatchObject({ status: 400, code: "same-pins" });
    await expect(defineMeeting({ id: "1", hostPin: first.guestPin }, first, "de")).rejects.toMatchObject({ code: "same-pins" });
    expect((await defineMeeting({ id: "1", guestPin: "4321", hostPin: "1234" }, first, "de")).hostPin).not.toBeNull();
  });
  it("refuse what cannot be, without repeating a PIN", async () => {
    for (const input of [{ id: "a b" }, { id: "1", guestPin: "12x4" }, { id: "1", guestPin: "1234", hostPin: "1234" }]) {
      const error = await defineMeeting(input, undefined, "en").catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(AdminError);
      expect((error as AdminError).status).toBe(400);
      expect((error as AdminError).message).not.toMatch(/12x4|1234/);
    }
  });
  it("of trunks are compared by name", () => {
    expect(compareTrunks([trunk("a"), trunk("b"), trunk("c")], [trunk("a"), trunk("b", { maxCalls: 1 }), trunk("d")])).toEqual({
      added: 1,
      changed: 1,
      removed: 1,
    });
  });
});

describe("lines of pictures", () => {
  it("are counted by protocol and kind, those of which there are none too", () => {
    const call = (protocol: string, ...roles: readonly (readonly [role: string, open: boolean])[]) =>
      ({ leg: { info: { protocol } }, pictures: { all: roles.map(([role, open]) => ({ role, line: open ? {} : undefined })) } }) as never;
    const none = { leg: { info: { protocol: "sip" } }, pictures: null } as never;
    const counted = pictureLines([
      call("sip", ["camera", true], ["screen", false]),
      call("sip", ["camera", true], ["screen", true]),
      call("web", ["camera", true], ["further", true], ["further", true]),
      none,
    ]);
    expect(counted).toHaveLength(9);
    expect(counted.filter(({ lines }) => lines > 0)).toEqual([
      { protocol: "sip", kind: "camera", lines: 2 },
      { protocol: "sip", kind: "screen", lines: 1 },
      { protocol: "web", kind: "camera", lines: 1 },
      { protocol: "web", kind: "further", lines: 2 },
    ]);
  });
});
