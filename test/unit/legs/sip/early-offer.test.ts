import { EventEmitter } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import type { Dialog, SipRequest, SipResponse } from "../../../../src/legs/sip/drachtio.ts";
import type { LegInfo, MediaChange } from "../../../../src/legs/leg.ts";
import { SipLeg } from "../../../../src/legs/sip/sip-leg.ts";
import { message, sdp } from "../../gateway/harness.ts";

class TestLeg extends SipLeg {
  readonly offer = null;
  readonly dialog = Object.assign(new EventEmitter(), { local: { uri: "sip:us", sdp: "" }, connected: true, destroy: async () => {} });
  constructor() {
    super({ direction: "out", protocol: "sip", transport: "tcp" } as LegInfo, { expires: 0, minSe: 90 });
    this.establish(this.dialog as unknown as Dialog, "v=0");
  }
  async ring() {}
  async answer() {
    return null;
  }
  refuse() {}
  protected giveUp() {}
  reinvite() {
    const { request, response, sent } = message("INVITE", "sip:us", {}, sdp());
    this.dialog.emit("modify", request as unknown as SipRequest, response as unknown as SipResponse);
    return sent;
  }
}
afterEach(() => vi.useRealTimers());

test("a re-INVITE right behind our ACK waits for the call to be up, and gets no 491 (RFC 3261 section 14.2)", async () => {
  const leg = new TestLeg();
  const sent = leg.reinvite();
  expect(sent).toEqual([]);
  const change = await new Promise<MediaChange>((resolve) => void leg.on("change", resolve));
  await change.accept("v=0 ours");
  expect(sent).toMatchObject([{ status: 200, body: "v=0 ours" }]);
  await leg.end(16, "over");
  expect(sent).toHaveLength(1);
});

test("it is told to come again where the call does not come up in time, and 481 where it ends", async () => {
  vi.useFakeTimers();
  const slow = new TestLeg();
  const sent = slow.reinvite();
  expect(slow.reinvite()).toMatchObject([{ status: 491 }]);
  vi.advanceTimersByTime(5_000);
  expect(sent).toMatchObject([{ status: 491 }]);
  const ended = new TestLeg();
  const waiting = ended.reinvite();
  await ended.end(16, "over");
  expect(waiting).toMatchObject([{ status: 481 }]);
});
