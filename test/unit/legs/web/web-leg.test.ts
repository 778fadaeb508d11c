import { describe, expect, it, vi } from "vitest";
import type { CallEnding } from "../../../../src/base/call-failure.ts";
import { describeBrowser, webLines } from "../../../../src/legs/web/description.ts";
import { WebLeg } from "../../../../src/legs/web/web-leg.ts";
import { BrowserPeer } from "../../../../src/webrtc/index.ts";

const lines = webLines(1);
const ports = { audio: 4000, camera: 4002, slides: 4004, alt1: 4006 };
const answer = describeBrowser(lines, "127.0.0.1", { audio: 5000, camera: 5002, slides: 5004, alt1: 5006 }).replace(
  "a=recvonly",
  "a=sendonly",
);

function setup() {
  const orders: { type: string; [key: string]: unknown }[] = [];
  const peer = new BrowserPeer(
    "p",
    "127.0.0.1",
    ports,
    (order) => orders.push(order as never),
    () => {},
  );
  const page = { share: vi.fn(), presenting: vi.fn(), shown: vi.fn() };
  const info = {
    callId: "c",
    protocol: "web",
    direction: "in",
    transport: "wss",
    address: "192.0.2.1",
    from: "web:Ada@192.0.2.1",
    to: "web:1000",
    displayName: "Ada",
    userAgent: undefined,
  } as const;
  const leg = new WebLeg({ info, lines, page, reach: (address) => address });
  const ends: CallEnding[] = [];
  leg.on("ended", (end) => ends.push(end));
  const connected = (generation: number) =>
    peer.told({ type: "state", session: "p", generation, state: "connected", protection: "DTLS-SRTP AEAD_AES_256_GCM" });
  return { leg, peer, page, orders, ends, connected };
}

describe("a browser's leg", () => {
  it("offers once it has sockets, answers once media flow, and says what protects them", async () => {
    const { leg, peer, orders, connected } = setup();
    expect(leg.offer).toBeNull();
    leg.carry(peer);
    expect(leg.offer).toContain("m=audio 4000");
    const answered = leg.answer(answer);
    expect(leg.answered).toBe(false);
    expect(orders).toMatchObject([
      {
        type: "connect",
        generation: 1,
        lines: [{ mid: "audio" }, { mid: "camera" }, { mid: "slides" }, { mid: "alt1", direction: "SendOnly" }],
      },
    ]);
    connected(1);
    await expect(answered).resolves.toBeNull();
    expect(leg.answered).toBe(true);
    expect(leg.mediaProtection).toBe("DTLS-SRTP AEAD_AES_256_GCM");
    expect(leg.pictureProtection).toBe("DTLS-SRTP AEAD_AES_256_GCM");
  });

  it("is connected anew without another answer, and believes the newest connection only", async () => {
    const { leg, peer, orders, connected } = setup();
    leg.carry(peer);
    expect(leg.renew()).toBe(false);
    const answered = leg.answer(answer);
    expect(leg.renew()).toBe(true);
    connected(1);
    expect(leg.answered).toBe(false);
    connected(2);
    await answered;
    expect(orders.map(({ type }) => type)).toEqual(["connect", "connect"]);
  });

  it("takes back from the gateway what the page did not take, once it is answered, and says it once", async () => {
    const { leg, peer, orders, connected } = setup();
    const page = (camera: string) =>
      ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 9 RTP/SAVPF 111 9 0 8 110", "a=mid:audio"]
        .concat(["camera", "slides", "alt1"].flatMap((mid) => [`m=video 9 RTP/SAVPF ${camera}`, `a=mid:${mid}`]))
        .join("\r\n");
    const offers: string[] = [];
    leg.carry(peer);
    const answered = leg.answer(answer);
    leg.took("no description at all");
    leg.took(page("96 97"));
    connected(1);
    await answered;
    leg.on("change", ({ offer, accept }) => {
      offers.push(offer!);
      void accept(answer.replace("m=video 5002", "m=video 6002"));
    });
    await vi.waitFor(() => expect(offers).toHaveLength(1));
    for (const line of ["o=web 1 2 ", "m=audio 4000 RTP/AVP 111 ", "m=video 4002 RTP/AVPF 96 97\r\n"]) expect(offers[0]).toContain(line);
    expect(offers[0]).not.toContain("H264");
    expect(orders.at(-1)).toMatchObject({ type: "retarget", targets: { camera: { port: 6002 }, slides: { port: 5004 } } });
    leg.took(page("96 97"));
    expect(offers).toHaveLength(1);
    leg.took(page("102 103 96 97"));
    expect(offers[1]).toContain("m=video 4002 RTP/AVPF 102 103 96 97");
  });

  it("says nothing to the gateway when the page took all", async () => {
    const { leg, peer, connected } = setup();
    const changes: unknown[] = [];
    leg.carry(peer);
    leg.on("change", (change) => changes.push(change));
    const answered = leg.answer(answer);
    leg.took(leg.offer!);
    connected(1);
    await answered;
    await new Promise((resolve) => setImmediate(resolve));
    expect(changes).toEqual([]);
  });

  it("sends elsewhere when the gateway's media move", async () => {
    const { leg, peer, orders, connected } = setup();
    leg.carry(peer);
    const answered = leg.answer(answer);
    connected(1);
    await answered;
    const again = await leg.change(answer.replace("m=audio 5000", "m=audio 6000"));
    expect(again).toContain("o=web 1 2 ");
    expect(orders.at(-1)).toMatchObject({ type: "retarget", targets: { audio: { port: 6000 }, camera: { port: 5002 } } });
  });

  it("passes keys and the screen on, both ways", () => {
    const { leg, page } = setup();
    const keys: string[] = [];
    const content: string[] = [];
    leg.on("dtmf", ({ digit }) => keys.push(digit));
    leg.content.on("request", () => content.push("request"));
    leg.content.on("release", () => content.push("release"));
    leg.keys("12#");
    leg.share(true);
    leg.share(false);
    leg.content.grant();
    leg.content.revoke();
    leg.content.announce(true);
    leg.shown(3, "somebody", "camera");
    leg.shown(9, "nobody", "camera");
    expect(keys).toEqual(["1", "2", "#"]);
    expect(content).toEqual(["request", "release"]);
    expect(page.share.mock.calls).toEqual([["granted"], ["revoked"]]);
    expect(page.presenting).toHaveBeenCalledWith(true);
    expect(page.shown.mock.calls).toEqual([["alt1", "somebody", "camera"]]);
  });

  it("ends once, whoever ends it, and lets its media go", async () => {
    const { leg, peer, orders, ends } = setup();
    leg.carry(peer);
    const answered = leg.answer(answer);
    leg.left("left by the page");
    leg.lost("too late");
    await leg.end();
    await expect(answered).rejects.toThrow("over");
    expect(ends).toEqual([{ code: "cancelled", by: "caller", q850: 16, sipStatus: null, message: "left by the page" }]);
    expect(orders.at(-1)).toMatchObject({ type: "close" });
    expect(peer.closed).toBe(true);
    expect(leg.renew()).toBe(false);
  });

  it("ends with the process that carried it", () => {
    const { leg, peer, ends } = setup();
    leg.carry(peer);
    peer.lost("the WebRTC process has ended");
    expect(ends).toMatchObject([{ code: "application-gone", by: "gateway", q850: 27 }]);
  });

  it("wants no media once it is over", () => {
    const { leg, peer } = setup();
    leg.refuse();
    leg.carry(peer);
    expect(peer.closed).toBe(true);
  });
});
