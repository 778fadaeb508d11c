import { afterEach, describe, expect, it } from "vitest";
import type { GatewayConfig } from "../../../../src/gateway/options.ts";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench, settle, until } from "../harness.ts";

let bench: Bench;
const start = async (config: Partial<GatewayConfig> = {}) => {
  bench = await Bench.create(config);
  return bench;
};
afterEach(() => bench.stop());
describe("transfer", () => {
  const pbx = trunk("pbx", { identity: { networks: ["198.51.100.0/24"] }, target: "sip:pbx.example" });
  const from = { headers: { "X-Source": "198.51.100.1" } };

  it("calls who is to take their place, and tells how it goes", async () => {
    await start({ trunks: [pbx] });
    const { dialog, call } = await bench.invite("sip:1000@gw", from);
    const sent = dialog.deliver("refer", "REFER", { "Refer-To": "<sip:bob@pbx.example?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>" });
    expect(sent).toMatchObject([{ status: 202 }]);
    await until(() => dialog.requests.some(({ body }) => body?.startsWith("SIP/2.0 200") === true), "told");
    expect(dialog.requests.map(({ body }) => body?.slice(8, 11))).toEqual(["100", "180", "200"]);
    expect(bench.srf.placed).toMatchObject([{ uri: "sip:bob@pbx.example", options: { headers: { Replaces: "a@b;to-tag=1;from-tag=2" } } }]);
    expect(bench.meetings.participants("1000").map(({ state }) => state)).toEqual(["joined", "joined"]);
    expect(call.over).toBe(false);
  });

  it("tells of a refusal", async () => {
    await start({ trunks: [pbx] });
    bench.srf.peer = () => ({ status: 486, ring: false });
    const { dialog } = await bench.invite("sip:1000@gw", from);
    dialog.deliver("refer", "REFER", { "Refer-To": "<sip:bob@pbx.example>" });
    await until(() => dialog.requests.length === 2, "told");
    expect(dialog.requests[1]?.body).toMatch(/^SIP\/2.0 486 Busy Here/);
  });

  it("is one more call of the trunk, within its limits", async () => {
    await start({ trunks: [{ ...pbx, maxCalls: 2 }] });
    const { dialog } = await bench.invite("sip:1000@gw", from);
    const refer = () => dialog.deliver("refer", "REFER", { "Refer-To": "<sip:bob@pbx.example>" });
    expect(refer()).toMatchObject([{ status: 202 }]);
    await until(() => bench.meetings.participants("1000").filter(({ state }) => state === "joined").length === 2, "the other party");
    expect(bench.context.limits.calls("pbx")).toBe(2);
    expect(refer()).toMatchObject([{ status: 503 }]);
    await settle();
    expect(bench.srf.placed).toHaveLength(1);
    bench.srf.dialogs.at(-1)?.bye();
    await until(() => bench.context.limits.calls("pbx") === 1, "its place is free again");
    expect(refer()).toMatchObject([{ status: 202 }]);
  });

  it("is within the calls a second of the trunk and the calls of the whole gateway", async () => {
    await start({ trunks: [{ ...pbx, maxCallsPerSecond: 1 }] });
    const { dialog } = await bench.invite("sip:1000@gw", from);
    const refer = () => dialog.deliver("refer", "REFER", { "Refer-To": "<sip:bob@pbx.example>" });
    expect(refer()).toMatchObject([{ status: 503 }]);
    bench.clock.advance(1000);
    bench.context.settings.config = { ...bench.context.settings.config, overload: { maxCalls: 1 } };
    expect(refer()).toMatchObject([{ status: 503 }]);
    bench.context.settings.config = { ...bench.context.settings.config, overload: {} };
    bench.context.settings.draining = true;
    expect(refer()).toMatchObject([{ status: 503 }]);
    expect(bench.srf.placed).toEqual([]);
    bench.context.settings.draining = false;
    expect(refer()).toMatchObject([{ status: 202 }]);
  });

  it("is within the calls a second of its source", async () => {
    await start({ trunks: [pbx], overload: { callsPerSecondPerSource: 1 } });
    const { dialog } = await bench.invite("sip:1000@gw", from);
    const refer = () => dialog.deliver("refer", "REFER", { "Refer-To": "<sip:bob@pbx.example>" });
    expect(refer()).toMatchObject([{ status: 503 }]);
    bench.clock.advance(1000);
    expect(refer()).toMatchObject([{ status: 202 }]);
  });

  it("is for trusted trunks, to where they lead", async () => {
    await start({ trunks: [pbx] });
    const trusted = await bench.invite("sip:1000@gw", from);
    expect(trusted.dialog.deliver("refer", "REFER", { "Refer-To": "<sip:premium@elsewhere.example>" })).toMatchObject([{ status: 603 }]);
    expect(trusted.dialog.deliver("refer", "REFER", {})).toMatchObject([{ status: 400 }]);
    const stranger = await bench.invite("sip:1000@gw");
    expect(stranger.dialog.deliver("refer", "REFER", { "Refer-To": "<sip:bob@pbx.example>" })).toMatchObject([{ status: 403 }]);
    expect(bench.srf.placed).toEqual([]);
  });
});
