import { describe, expect, it } from "vitest";
import { Gatekeeper, type GatekeeperConfig, RasClient, type RasClientConfig } from "../../../src/h323/index.ts";
import { encodeRas, H225_VERSION, type RasMessage } from "../../../src/wire/h225/index.ts";
import { ALTERNATE, clientConfig, GK, gatekeeperConfig, Net, question } from "../../support/ras-net.ts";

const A = "192.0.2.1";
const STRANGER = { host: "203.0.113.66", port: 1719 };

function setUp(client: Partial<RasClientConfig> = {}, gatekeeper: Partial<GatekeeperConfig> = {}) {
  const a = new RasClient(clientConfig(A, "100", client));
  const gk = new Gatekeeper(gatekeeperConfig(gatekeeper));
  const net = new Net().add(A, a).add(GK.host, gk);
  a.start(0);
  return { a, gk, net: net.run(10) };
}

/** A client alone: the test is its gatekeeper. */
function alone(more: Partial<RasClientConfig> = {}) {
  const a = new RasClient(clientConfig(A, "100", { discover: false, ...more }));
  const net = new Net().add(A, a);
  a.start(0);
  net.run(1);
  const last = () => net.sent.at(-1)!.message;
  const say = (message: RasMessage, from = GK) => {
    a.received(encodeRas(message), from, net.now);
    net.run(1);
  };
  return { a, net, last, say };
}
const sequenceOf = (message: RasMessage) => (Object.values(message)[0] as { requestSeqNum: number }).requestSeqNum;
const confirm = (requestSeqNum: number, more: object = {}): RasMessage => ({
  registrationConfirm: {
    requestSeqNum,
    protocolIdentifier: H225_VERSION,
    callSignalAddress: [],
    endpointIdentifier: "42",
    willRespondToIRR: false,
    maintainConnection: false,
    timeToLive: 60,
    ...more,
  },
});

describe("a gatekeeper that vanishes", () => {
  it("is missed at the next refresh, and found again when it is back; calls that are up are not asked about", () => {
    const { a, net } = setUp();
    net.silent.add(GK.host);
    a.admit(question("1000"), net.now);
    net.run(20_000);
    expect(net.of(A, "not-admitted")).toMatchObject([{ cause: 38 }]);
    expect(a.endpointIdentifier).toBeDefined();
    net.run(120_000);
    expect(net.of(A, "unregistered")).toHaveLength(1);
    expect(net.of(A, "drop")).toEqual([]);
    net.silent.clear();
    net.run(60_000);
    expect(net.of(A, "registered")).toHaveLength(2);
    expect(a.nextTimeout()).toBeDefined();
  });

  it("keeps a burst of questions from piling up", () => {
    const { a, net } = setUp();
    net.silent.add(GK.host);
    for (let i = 0; i < 500; i++) a.admit({ ...question("1000"), callIdentifier: i.toString(16).padStart(32, "0") }, net.now);
    net.run(16_000);
    expect(net.of(A, "not-admitted")).toHaveLength(500);
    const asked = net.names(A).filter((n) => n === "admissionRequest").length;
    expect(asked).toBe(1500);
    net.run(16_000);
    expect(net.names(A).filter((n) => n === "admissionRequest")).toHaveLength(asked);
  });
});

describe("a gatekeeper that answers late", () => {
  it("within its time is heard, twice changes nothing, when nobody waits any more is not believed", () => {
    const { a, net, last, say } = alone();
    const sequence = sequenceOf(last());
    net.run(3_500); // the second try is under way, with the same number
    say(confirm(sequence));
    say(confirm(sequence));
    expect(net.of(A, "registered")).toHaveLength(1);
    a.admit(question("1000"), net.now);
    const asked = sequenceOf(net.run(1).sent.at(-1)!.message);
    net.run(16_000);
    expect(net.of(A, "not-admitted")).toHaveLength(1);
    const late = {
      requestSeqNum: asked,
      bandWidth: 1,
      callModel: { direct: true as const },
      destCallSignalAddress: { ipAddress: { ip: Uint8Array.of(192, 0, 2, 9), port: 1720 } },
      willRespondToIRR: false,
    };
    say({ admissionConfirm: late });
    expect(net.of(A, "admitted")).toEqual([]);
  });

  it("that registers us after we have given up is not believed; the next try is its chance", () => {
    const { a, net, last, say } = alone();
    const sequence = sequenceOf(last());
    net.run(10_000);
    expect(net.of(A, "unregistered")).toHaveLength(1);
    say(confirm(sequence));
    expect(a.endpointIdentifier).toBeUndefined();
    net.run(30_000);
    say(confirm(sequenceOf(last())));
    expect(a.endpointIdentifier).toBe("42");
  });

  it("that asks for patience for ever loses it", () => {
    const { net, last, say } = alone();
    const requestSeqNum = sequenceOf(last());
    for (let i = 0; i < 100; i++) {
      say({ requestInProgress: { requestSeqNum, delay: 60_000 } });
      net.run(30_000);
    }
    expect(net.of(A, "unregistered").length).toBeGreaterThan(0);
  });

  it("answers of another kind, another number or another host are none", () => {
    const { a, net, last, say } = alone();
    const requestSeqNum = sequenceOf(last());
    say({
      gatekeeperConfirm: {
        requestSeqNum,
        protocolIdentifier: H225_VERSION,
        rasAddress: { ipAddress: { ip: Uint8Array.of(203, 0, 113, 66), port: 1719 } },
      },
    });
    say({ unregistrationConfirm: { requestSeqNum } });
    say(confirm((requestSeqNum % 65_535) + 1));
    say(confirm(requestSeqNum), STRANGER);
    expect(a.endpointIdentifier).toBeUndefined();
    say(confirm(requestSeqNum));
    expect(net.of(A, "registered")).toMatchObject([{ gatekeeper: GK }]);
  });
});

describe("a gatekeeper that moves", () => {
  it("by discovery: what it says of itself is where we register", () => {
    const { net, last, say } = alone({ discover: true });
    const moved = { ipAddress: { ip: Uint8Array.of(192, 0, 2, 11), port: 1719 } };
    say({ gatekeeperConfirm: { requestSeqNum: sequenceOf(last()), protocolIdentifier: H225_VERSION, rasAddress: moved } });
    expect(Object.keys(last())).toEqual(["registrationRequest"]);
    say(confirm(sequenceOf(last())), GK);
    expect(net.of(A, "registered")).toEqual([]);
    say(confirm(sequenceOf(last())), ALTERNATE);
    expect(net.of(A, "registered")).toMatchObject([{ gatekeeper: ALTERNATE }]);
  });

  it.each([Uint8Array.of(127, 0, 0, 1), Uint8Array.of(0, 0, 0, 0)])("nowhere, by discovery that names an address of no use: %s", (ip) => {
    const { net, last, say } = alone({ discover: true });
    const rasAddress = { ipAddress: { ip, port: 1719 } };
    say({ gatekeeperConfirm: { requestSeqNum: sequenceOf(last()), protocolIdentifier: H225_VERSION, rasAddress } });
    say(confirm(sequenceOf(last())), GK);
    expect(net.of(A, "registered")).toMatchObject([{ gatekeeper: GK }]);
  });

  it("by taking the registration back and naming another; without another we ask it again", () => {
    const { a, net, last, say } = alone();
    say(confirm(sequenceOf(last())));
    const alternateGatekeeper = [
      { rasAddress: { ipAddress: { ip: Uint8Array.of(192, 0, 2, 11), port: 1719 } }, needToRegister: true, priority: 1 },
    ];
    const request = { requestSeqNum: 9, callSignalAddress: [], endpointIdentifier: "42" };
    say({ unregistrationRequest: { ...request, alternateGatekeeper } });
    expect(net.names(A).slice(-2)).toEqual(["unregistrationConfirm", "registrationRequest"]);
    say(confirm(sequenceOf(last())), ALTERNATE);
    expect(net.of(A, "registered").at(-1)).toMatchObject({ gatekeeper: ALTERNATE });
    say({ unregistrationRequest: { ...request, requestSeqNum: 10 } }, ALTERNATE);
    expect(a.endpointIdentifier).toBeUndefined();
    expect(Object.keys(last())).toEqual(["registrationRequest"]);
  });

  it("a stranger moves nobody", () => {
    const { a, net, last, say } = alone();
    say(confirm(sequenceOf(last())));
    const before = net.sent.length;
    say({ unregistrationRequest: { requestSeqNum: 9, callSignalAddress: [], endpointIdentifier: "42" } }, STRANGER);
    say(
      {
        disengageRequest: {
          requestSeqNum: 10,
          endpointIdentifier: "42",
          conferenceID: new Uint8Array(16),
          callReferenceValue: 1,
          disengageReason: { forcedDrop: true },
          answeredCall: false,
        },
      },
      STRANGER,
    );
    expect([a.endpointIdentifier, net.sent.length, net.of(A, "drop")]).toEqual(["42", before, []]);
  });
});

describe("our gatekeeper under load", () => {
  it("one host cannot take every place", () => {
    const gk = new Gatekeeper(gatekeeperConfig({ maxPerSource: 3 }));
    const net = new Net().add(GK.host, gk);
    const register = (number: number, host: string) => {
      const client = new RasClient(clientConfig(host, String(number), { discover: false, signalling: { host, port: 2000 + number } }));
      client.start(0);
      for (const output of client.drain()) if (output.type === "send") gk.received(output.bytes, { host, port: 10_000 + number }, 0);
      net.run(1);
    };
    for (let i = 0; i < 10; i++) register(i, A);
    expect(gk.registrations).toHaveLength(3);
    expect(net.of(GK.host, "refused").at(-1)).toMatchObject({ reason: "resourceUnavailable" });
    register(50, "192.0.2.7");
    expect(gk.registrations).toHaveLength(4);
  });
});

describe("a gatekeeper that says where to call", () => {
  const at = (last: number) => ({ ipAddress: { ip: Uint8Array.of(192, 0, 2, last), port: 1720 } });

  it("names alternates, by priority (alternateEndpoints, H.225.0 7.11.2)", () => {
    const { a, net, last, say } = alone();
    say(confirm(sequenceOf(last())));
    a.admit(question("1000"), net.now);
    net.run(1);
    const alternateEndpoints = [
      { callSignalAddress: [at(32)], priority: 2 },
      { callSignalAddress: [at(31)], priority: 1 },
    ];
    say({
      admissionConfirm: {
        requestSeqNum: sequenceOf(last()),
        bandWidth: 1,
        callModel: { direct: true },
        destCallSignalAddress: at(30),
        alternateEndpoints,
        willRespondToIRR: false,
      },
    });
    expect(net.of(A, "admitted")).toMatchObject([
      { to: { host: "192.0.2.30" }, alternates: [{ host: "192.0.2.31" }, { host: "192.0.2.32" }] },
    ]);
  });

  it("that routes calls itself is called itself (routeCallToGatekeeper), where it has said where", () => {
    const { a, net, last, say } = alone();
    say(confirm(sequenceOf(last()), { callSignalAddress: [at(10)] }));
    for (const answer of [false, true]) {
      a.admit({ ...question("1000", answer), callIdentifier: (answer ? "0a" : "0b").repeat(16) }, net.now);
      net.run(1);
      say({ admissionReject: { requestSeqNum: sequenceOf(last()), rejectReason: { routeCallToGatekeeper: true } } });
    }
    expect(net.of(A, "admitted")).toMatchObject([{ to: { host: "192.0.2.10", port: 1720 }, destination: question("1000").destination }]);
    expect(net.of(A, "not-admitted")).toMatchObject([{ reason: "routeCallToGatekeeper" }]);
  });
});
