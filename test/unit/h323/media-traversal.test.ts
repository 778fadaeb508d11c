import { describe, expect, it } from "vitest";
import { offerAudio } from "../../../src/h323/control/channels.ts";
import { type CallConfig, composeTraversal, type LocalMedia, type TraversalPolicy, traversalFeature } from "../../../src/h323/index.ts";
import { MediaTraversal } from "../../../src/h323/traversal/media-traversal.ts";
import { callConfig, eventsOf, mediaOf, Pair } from "../../support/h323-pair.ts";

const CLIENT: TraversalPolicy = { role: "client", allowed: ["client"] };
const SERVER: TraversalPolicy = { role: "server", allowed: ["server", "client"] };
const both = (name: "a" | "b", traversal: TraversalPolicy | undefined, style = {}): CallConfig => callConfig(name, style, { traversal });

/** Media of a server that shares ports. */
const shared = (host: string, port: number, id: number): LocalMedia => ({
  ...mediaOf(host, port),
  multiplex: { id, rtp: { host, port: 3000 }, rtcp: { host, port: 3001 } },
});

function call(a: TraversalPolicy | undefined, b: TraversalPolicy | undefined, media: { a?: LocalMedia; b?: LocalMedia } = {}): Pair {
  const pair = new Pair(both("a", a), both("b", b));
  pair.onB = (event, machine, now) => {
    if (event.type !== "incoming") return;
    machine.setMedia(media.b ?? mediaOf(pair.b.host, 6004), now);
    machine.alert(false, now);
    machine.progress(now);
    machine.answer(now);
  };
  pair.a.machine.setMedia(media.a ?? mediaOf(pair.a.host), 0);
  pair.a.machine.start({ aliases: [] }, 0);
  return pair.run();
}

describe("media through a firewall (H.460.19)", () => {
  it.each([
    ["a client calls a server", CLIENT, SERVER, "client", "server"],
    ["a server calls a client", SERVER, CLIENT, "server", "client"],
  ] as const)("%s: the client is told where to send keep-alives, and media are agreed", (_title, a, b, roleA, roleB) => {
    const pair = call(a, b);
    expect([pair.a.machine.traversal, pair.b.machine.traversal]).toEqual([roleA, roleB]);
    const [client, server, port] = roleA === "client" ? [pair.a, pair.b, 6004] : [pair.b, pair.a, 5004];
    const [receive] = eventsOf(client.events, "receive");
    expect(eventsOf(client.events, "traversal")).toEqual([
      {
        type: "traversal",
        direction: "receive",
        channel: receive?.channel,
        keepAlive: { to: { host: server.host, port }, interval: 15_000, payloadType: 127 },
        multiplex: undefined,
      },
    ]);
    // Told before the channel is.
    const types = client.events.map((e) => e.type);
    expect(types.indexOf("traversal")).toBeLessThan(types.indexOf("receive"));
    expect(eventsOf(server.events, "traversal")).toEqual([]);
    for (const end of [pair.a, pair.b]) expect(eventsOf(end.events, "transmit"), end.name).toHaveLength(1);
    // Fast connect has no room for it.
    expect([...pair.a.sent, ...pair.b.sent].filter((s) => s.includes("openLogicalChannel")).length).toBeGreaterThan(0);
  });

  it("a server that shares ports has media and keep-alives there, under its number", () => {
    const pair = call(CLIENT, SERVER, { b: shared("192.0.2.2", 6004, 77) });
    const told = eventsOf(pair.a.events, "traversal");
    const multiplex = { id: 77, rtp: { host: "192.0.2.2", port: 3000 }, rtcp: { host: "192.0.2.2", port: 3001 } };
    expect(told.find((e) => e.direction === "transmit")).toMatchObject({ multiplex, keepAlive: undefined });
    expect(told.find((e) => e.direction === "receive")).toMatchObject({ multiplex, keepAlive: { to: multiplex.rtp } });
    expect(eventsOf(pair.a.events, "transmit")[0]).toMatchObject({ rtp: { host: "192.0.2.2", port: 6004 } });
  });

  it.each([
    ["neither speaks of it", undefined, undefined],
    ["the callee does not", CLIENT, undefined],
    ["the caller does not", undefined, SERVER],
    ["both are clients", CLIENT, { role: "client", allowed: [] } as TraversalPolicy],
  ] as const)("%s: the call goes on without", (_title, a, b) => {
    const pair = call(a, b);
    expect([pair.a.machine.traversal, pair.b.machine.traversal]).toEqual([undefined, undefined]);
    for (const end of [pair.a, pair.b]) {
      expect(eventsOf(end.events, "traversal")).toEqual([]);
      expect(eventsOf(end.events, "transmit"), end.name).toHaveLength(1);
    }
  });

  it("in a call without tunnelling too", () => {
    const pair = new Pair(both("a", CLIENT, { tunnelling: false }), both("b", SERVER)).call().run();
    expect(eventsOf(pair.a.events, "traversal")).toMatchObject([{ keepAlive: { to: { host: pair.b.host, port: 6004 } } }]);
  });

  it("keeps and tells nothing of channels that were refused, or never opened by us", () => {
    const media = mediaOf("192.0.2.2");
    const traversal = new MediaTraversal(SERVER);
    traversal.offered({ supportedFeatures: [traversalFeature({ role: "client", multiplexes: true })] });
    const olc = offerAudio(7, { codec: "PCMU", maxPtime: 20 }, media);
    const said = composeTraversal({ multiplex: { id: 9, rtp: undefined, rtcp: undefined } });
    const ack = { forwardLogicalChannelNumber: 7, genericInformation: said };
    const taken = { response: { openLogicalChannelAck: { forwardLogicalChannelNumber: 7 } } };
    traversal.incoming({ request: { openLogicalChannel: { ...olc, genericInformation: said } } });
    traversal.outgoing({ response: { openLogicalChannelReject: { forwardLogicalChannelNumber: 7, cause: { unspecified: true } } } }, media);
    traversal.outgoing(taken, media);
    traversal.incoming({ response: { openLogicalChannelAck: ack } });
    expect(traversal.drain()).toEqual([]);
    traversal.incoming({ request: { openLogicalChannel: { ...olc, genericInformation: said } } });
    expect(traversal.drain()).toEqual([]);
    traversal.outgoing(taken, media);
    traversal.outgoing({ request: { openLogicalChannel: olc } }, media);
    for (let i = 0; i < 2; i++) traversal.incoming({ response: { openLogicalChannelAck: ack } });
    expect(traversal.drain()).toMatchObject([
      { direction: "receive", channel: 7, multiplex: { id: 9 } },
      { direction: "transmit", channel: 7, multiplex: { id: 9 } },
    ]);
    traversal.outgoing({ request: { openLogicalChannel: olc } }, media);
    traversal.incoming({ response: { openLogicalChannelReject: { forwardLogicalChannelNumber: 7, cause: { unspecified: true } } } });
    traversal.incoming({ response: { openLogicalChannelAck: ack } });
    expect(traversal.drain()).toEqual([]);
  });
});
