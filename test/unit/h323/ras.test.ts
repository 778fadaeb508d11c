import { describe, expect, it } from "vitest";
import { Gatekeeper, type GatekeeperConfig, RasClient, type RasClientConfig } from "../../../src/h323/index.ts";
import { encodeSigned, verify } from "../../../src/h323/ras/security.ts";
import { decodeRas, encodeRas, H225_VERSION, type RasMessage } from "../../../src/wire/h225/index.ts";
import { capturedPdus } from "../../support/h323-captures.ts";
import { seededOctets } from "../../support/h323-pair.ts";
import { ALTERNATE, clientConfig, EPOCH, GK, gatekeeperConfig, Net, question } from "../../support/ras-net.ts";

describe("a client and a gatekeeper", () => {
  const setUp = (client: Partial<RasClientConfig> = {}, gatekeeper: Partial<GatekeeperConfig> = {}) => {
    const a = new RasClient(clientConfig("192.0.2.1", "100", client));
    const gk = new Gatekeeper(gatekeeperConfig(gatekeeper));
    const net = new Net().add("192.0.2.1", a).add(GK.host, gk);
    a.start(0);
    return { a, gk, net: net.run(10) };
  };

  it("discover, register, refresh lightly before the time to live ends", () => {
    const { a, gk, net } = setUp();
    expect(net.names("192.0.2.1")).toEqual(["gatekeeperRequest", "registrationRequest"]);
    expect(net.names(GK.host)).toEqual(["gatekeeperConfirm", "registrationConfirm"]);
    expect(a.endpointIdentifier).toBe(gk.registrations[0]?.endpointIdentifier);
    expect(gk.find("ROOM-100")?.signalling).toEqual({ host: "192.0.2.1", port: 1720 });
    net.run(600_000);
    // The gatekeeper gives 120 s; refreshes come every 100.
    const refreshes = net.sent.filter((s) => s.message.registrationRequest?.keepAlive);
    expect(refreshes).toHaveLength(6);
    expect(refreshes[0]?.message.registrationRequest?.terminalAlias).toBeUndefined();
    expect(gk.registrations).toHaveLength(1);
    expect(net.of(GK.host, "unregistered")).toEqual([]);
    a.stop(net.now);
    net.run(10);
    expect(net.of(GK.host, "unregistered")).toMatchObject([{ reason: "asked" }]);
  });

  it("a registration that is not refreshed expires", () => {
    const { gk, net } = setUp();
    net.silent.add(GK.host);
    net.run(129_000);
    expect(gk.registrations).toHaveLength(1);
    net.run(2_000);
    expect(net.of(GK.host, "unregistered")).toMatchObject([{ reason: "expired" }]);
    expect(gk.find("100")).toBeUndefined();
  });

  it("a gatekeeper that has forgotten us is told everything again", () => {
    const { net } = setUp();
    net.add(GK.host, new Gatekeeper(gatekeeperConfig({ random: seededOctets(9) })));
    net.run(110_000);
    expect(net.names(GK.host)).toContain("registrationReject");
    expect(net.of("192.0.2.1", "registered")).toHaveLength(2);
  });

  it("a gatekeeper that does not answer is tried three times, then again later", () => {
    const a = new RasClient(clientConfig("192.0.2.1", "100"));
    const net = new Net().add("192.0.2.1", a);
    a.start(0);
    net.run(16_000);
    expect(net.names("192.0.2.1")).toEqual(["gatekeeperRequest", "gatekeeperRequest", "gatekeeperRequest"]);
    expect(net.of("192.0.2.1", "unregistered")).toMatchObject([{ reason: "the gatekeeper does not answer" }]);
    net.add(GK.host, new Gatekeeper(gatekeeperConfig())).run(40_000);
    expect(net.of("192.0.2.1", "registered")).toHaveLength(1);
  });

  it("calls between endpoints and to the gateway are admitted, others are not", () => {
    const { a, net } = setUp();
    const b = new RasClient(clientConfig("192.0.2.2", "200"));
    net.add("192.0.2.2", b);
    b.start(net.now);
    net.run(10);
    for (const number of ["200", "1000", "999"]) a.admit(question(number), net.now);
    b.admit(question("200", true), net.now);
    net.run(10);
    expect(net.of("192.0.2.1", "admitted").map((e) => ("to" in e ? e.to : undefined))).toEqual([
      { host: "192.0.2.2", port: 1720 },
      { host: GK.host, port: 1720 },
    ]);
    expect(net.of("192.0.2.1", "not-admitted")).toMatchObject([{ reason: "calledPartyNotRegistered", cause: 20 }]);
    expect(net.of("192.0.2.2", "admitted")).toHaveLength(1);
    a.disengage(question("200"), net.now);
    net.run(10);
    expect(net.of(GK.host, "disengaged")).toMatchObject([{ callIdentifier: question("").callIdentifier }]);
  });

  it("who is not registered is not admitted", () => {
    const a = new RasClient(clientConfig("192.0.2.1", "100"));
    a.admit(question("200"), 0);
    expect(a.drain()).toMatchObject([{ event: { type: "not-admitted", cause: 38 } }]);
    const gk = new Gatekeeper(gatekeeperConfig());
    const arq = { ...decodeRas(encodeRas({ admissionRequest: admission("no such") })) };
    gk.received(encodeRas(arq), { host: "192.0.2.66", port: 1 }, 0);
    expect(gk.drain()).toMatchObject([{ event: { type: "refused", reason: "callerNotRegistered" } }, { type: "send" }]);
  });

  it("names of an endpoint are not another's; the same endpoint may come back", () => {
    const { gk, net } = setUp();
    const thief = new RasClient(clientConfig("192.0.2.3", "100", { discover: false }));
    net.add("192.0.2.3", thief);
    thief.start(net.now);
    net.run(10);
    expect(net.of("192.0.2.3", "unregistered")).toMatchObject([{ reason: "duplicateAlias" }]);
    expect(gk.find("100")?.signalling.host).toBe("192.0.2.1");
    const restarted = new RasClient(clientConfig("192.0.2.1", "100"));
    net.add("192.0.2.1", restarted);
    restarted.start(net.now);
    net.run(10);
    expect(net.of(GK.host, "unregistered")).toMatchObject([{ reason: "replaced" }]);
    expect(gk.registrations).toHaveLength(1);
  });

  it("names registered by a connection (H.460.17) are not another connection's, nor a datagram's of the same host", () => {
    const gk = new Gatekeeper(gatekeeperConfig({ traversal: 60 }));
    const request = (sequence: number, more: object = {}): Uint8Array =>
      encodeRas({
        registrationRequest: {
          requestSeqNum: sequence,
          protocolIdentifier: H225_VERSION,
          discoveryComplete: true,
          callSignalAddress: [{ ipAddress: { ip: Uint8Array.of(10, 0, 0, 1), port: 1720 } }],
          rasAddress: [],
          terminalType: { mc: false, undefinedNode: false },
          terminalAlias: [{ "h323-ID": "room" }],
          endpointVendor: { vendor: { t35CountryCode: 0, t35Extension: 0, manufacturerCode: 0 } },
          keepAlive: false,
          willSupplyUUIEs: false,
          maintainConnection: false,
          ...more,
        },
      });
    const ask = (bytes: Uint8Array, connection: number | undefined) => {
      gk.received(bytes, { host: "192.0.2.1", port: 4000, ...(connection === undefined ? {} : { connection }) }, 0);
      const sent = gk.drain().find((output) => output.type === "send");
      return Object.keys(decodeRas(sent!.bytes))[0];
    };
    expect(ask(request(1), 1)).toBe("registrationConfirm");
    const { endpointIdentifier } = gk.find("room")!;
    for (const other of [2, undefined]) {
      expect(ask(request(2), other)).toBe("registrationReject");
      expect(ask(request(3, { endpointIdentifier }), other)).toBe("registrationReject");
      expect(ask(request(4, { endpointIdentifier, keepAlive: true }), other)).toBe("registrationReject");
      const leave = { requestSeqNum: 5, callSignalAddress: [], endpointIdentifier };
      expect(ask(encodeRas({ unregistrationRequest: leave }), other)).toBe("unregistrationReject");
    }
    expect(gk.find("room")?.ras.connection).toBe(1);
    expect(ask(request(6, { endpointIdentifier, keepAlive: true }), 1)).toBe("registrationConfirm");
    gk.disconnected(1);
    expect(ask(request(7), 2)).toBe("registrationConfirm");
  });

  it("what is not here is asked of neighbours", () => {
    const other = new Gatekeeper(
      gatekeeperConfig({
        identifier: "other",
        ras: ALTERNATE,
        signalling: { host: ALTERNATE.host, port: 1720 },
        neighbours: [GK],
        ours: (alias) => alias === "7000",
      }),
    );
    const { a, net } = setUp({}, { neighbours: [ALTERNATE] });
    net.add(ALTERNATE.host, other);
    a.admit(question("7000"), net.now);
    a.admit({ ...question("8000"), callIdentifier: "01".repeat(16) }, net.now);
    net.run(100);
    expect(net.of("192.0.2.1", "admitted")).toMatchObject([{ to: { host: ALTERNATE.host, port: 1720 } }]);
    net.run(5_000);
    expect(net.of("192.0.2.1", "not-admitted")).toMatchObject([{ reason: "calledPartyNotRegistered" }]);
    expect(net.names(GK.host)).toContain("requestInProgress");
  });

  it("an alternate is turned to when the gatekeeper vanishes", () => {
    const a = new RasClient(clientConfig("192.0.2.1", "100", { discover: false }));
    const gk = new Gatekeeper(gatekeeperConfig({ identifier: "other", ras: ALTERNATE, signalling: { host: ALTERNATE.host, port: 1720 } }));
    const net = new Net().add("192.0.2.1", a).add(ALTERNATE.host, gk);
    a.start(0);
    net.run(0);
    const sequence = net.sent[0]!.message.registrationRequest!.requestSeqNum;
    const confirm: RasMessage = {
      registrationConfirm: {
        requestSeqNum: sequence,
        protocolIdentifier: "0.0.8.2250.0.7",
        callSignalAddress: [],
        endpointIdentifier: "first",
        timeToLive: 60,
        alternateGatekeeper: [
          { rasAddress: { ipAddress: { ip: Uint8Array.of(192, 0, 2, 11), port: 1719 } }, needToRegister: true, priority: 1 },
        ],
        willRespondToIRR: false,
        maintainConnection: false,
      },
    };
    a.received(encodeRas(confirm), GK, 0);
    net.run(60_000);
    expect(net.of("192.0.2.1", "registered")).toMatchObject([{ gatekeeper: GK }, { gatekeeper: ALTERNATE }]);
  });

  it.each(["hmac", "md5"] as const)("a password is demanded and given by %s", (method) => {
    const password = (alias: string) => (alias === "room-100" ? "secret" : undefined);
    const right = setUp({ credentials: { user: "room-100", password: "secret", method } }, { password });
    expect(right.gk.registrations).toHaveLength(1);
    const wrong = setUp({ credentials: { user: "room-100", password: "guess", method } }, { password });
    expect(wrong.net.of("192.0.2.1", "unregistered")).toMatchObject([{ reason: "securityDenial" }]);
    const none = setUp({}, { password });
    expect(none.gk.registrations).toHaveLength(0);
    const late = setUp({ credentials: { user: "room-100", password: "secret", method }, epoch: EPOCH - 4000 }, { password });
    expect(late.gk.registrations).toHaveLength(0);
  });

  it("a request of chan_ooh323 is confirmed", () => {
    const gk = new Gatekeeper(gatekeeperConfig());
    gk.received(capturedPdus("ast16-gk-grq-unanswered.pcap")[0]!.bytes, { host: "127.0.0.2", port: 13030 }, 0);
    const [out] = gk.drain();
    expect(out).toMatchObject({ type: "send", to: { host: "127.0.0.2", port: 13030 } });
    if (out?.type === "send")
      expect(decodeRas(out.bytes).gatekeeperConfirm).toMatchObject({ requestSeqNum: 2, gatekeeperIdentifier: "gk" });
  });

  it("rubbish, answers nobody waits for and strangers change nothing", () => {
    const { a, gk, net } = setUp();
    for (const node of [a, gk]) {
      node.received(Uint8Array.of(1, 2, 3), GK, net.now);
      node.received(
        encodeRas({ registrationReject: { requestSeqNum: 9, protocolIdentifier: "0.0.8", rejectReason: { undefinedReason: true } } }),
        GK,
        net.now,
      );
      expect(node.drain().filter(({ type }) => type === "send")).toEqual([]);
    }
    a.received(
      encodeRas({ unregistrationRequest: { requestSeqNum: 1, callSignalAddress: [] } }),
      { host: "203.0.113.1", port: 1 },
      net.now,
    );
    expect(a.drain()).toEqual([]);
    gk.received(
      encodeRas({ unregistrationRequest: { requestSeqNum: 1, callSignalAddress: [], endpointIdentifier: a.endpointIdentifier! } }),
      { host: "203.0.113.1", port: 1 },
      net.now,
    );
    expect(gk.registrations).toHaveLength(1);
  });
});

function admission(endpointIdentifier: string): NonNullable<RasMessage["admissionRequest"]> {
  return {
    requestSeqNum: 5,
    callType: { pointToPoint: true },
    endpointIdentifier,
    srcInfo: [],
    bandWidth: 1280,
    callReferenceValue: 1,
    conferenceID: new Uint8Array(16),
    activeMC: false,
    answerCall: false,
  };
}

describe("H.235.1", () => {
  it("a message changed on the way is not believed", () => {
    const message: RasMessage = { admissionRequest: admission("e1") };
    const credentials = { user: "u", password: "p", method: "hmac" as const };
    const bytes = encodeSigned(message, credentials, { generalId: "gk", seconds: EPOCH, random: 1 });
    const expected = { user: "u", password: "p", seconds: EPOCH };
    expect(verify(decodeRas(bytes), bytes, expected)).toBe("good");
    expect(verify(decodeRas(bytes), bytes, { ...expected, seconds: EPOCH + 3600 })).toBe("stale");
    expect(verify(decodeRas(bytes), bytes, { ...expected, user: "v" })).toBe("wrong");
    const changed = Uint8Array.from(bytes);
    changed[2]! ^= 1;
    expect(verify(decodeRas(changed), changed, expected)).toBe("wrong");
    expect(verify(message, encodeRas(message), expected)).toBe("missing");
  });
});
