import { describe, expect, it } from "vitest";
import { Gatekeeper, RasClient } from "../../../src/h323/index.ts";
import { encodeRas } from "../../../src/wire/h225/index.ts";
import { ALTERNATE, clientConfig, GK, gatekeeperConfig, Net } from "../../support/ras-net.ts";

const question = (digit: string, number = "1000") => ({
  callIdentifier: digit.repeat(32),
  conferenceId: "f".repeat(32),
  callReference: Number(digit),
  destination: [{ dialledDigits: number }],
  answer: false,
  bandwidth: 1280,
});

describe("what a gatekeeper is told of calls", () => {
  const setUp = () => {
    const client = new RasClient(clientConfig("192.0.2.1", "100", { discover: false }));
    const net = new Net().add("192.0.2.1", client).add(GK.host, new Gatekeeper(gatekeeperConfig()));
    client.start(0);
    net.run(10);
    return { client, net };
  };
  const ask = (net: Net, client: RasClient, callReferenceValue: number, guid?: string) => {
    const before = net.sent.length;
    const callIdentifier = guid === undefined ? {} : { callIdentifier: { guid: Buffer.from(guid, "hex") } };
    client.received(encodeRas({ infoRequest: { requestSeqNum: 77, callReferenceValue, ...callIdentifier } }), GK, net.now);
    net.run(0);
    return net.sent.slice(before).flatMap((s) => s.message.infoRequestResponse ?? []);
  };

  it("is all of them, one, or that there is none", () => {
    const { client, net } = setUp();
    client.admit(question("1"), net.now);
    client.admit(question("2"), net.now);
    net.run(10);
    expect(ask(net, client, 0)[0]?.perCallInfo?.map((c) => c.callReferenceValue)).toEqual([1, 2]);
    const [one] = ask(net, client, 2, "2".repeat(32));
    expect(one).toMatchObject({ requestSeqNum: 77, unsolicited: false, perCallInfo: [{ callReferenceValue: 2, originator: true }] });
    expect(ask(net, client, 9, "9".repeat(32))[0]).toMatchObject({ irrStatus: { invalidCall: true } });
    client.disengage(question("1"), net.now);
    net.run(10);
    expect(ask(net, client, 0)[0]?.perCallInfo).toHaveLength(1);
    client.stop(net.now);
    expect(ask(net, client, 0)).toEqual([]);
  });

  it("comes unasked as often as the gatekeeper wants, until the call is over", () => {
    const { client, net } = setUp();
    client.admit(question("3"), net.now);
    const request = client.drain();
    expect(request).toHaveLength(1);
    const confirm = {
      admissionConfirm: {
        requestSeqNum: 2,
        bandWidth: 1280,
        callModel: { direct: true as const },
        destCallSignalAddress: { ipAddress: { ip: Uint8Array.of(192, 0, 2, 10), port: 1720 } },
        irrFrequency: 30,
        willRespondToIRR: false,
      },
    };
    client.received(encodeRas(confirm), GK, net.now);
    const reports = () => net.sent.filter((s) => s.message.infoRequestResponse?.unsolicited);
    net.run(95_000);
    expect(reports()).toHaveLength(3);
    client.disengage(question("3"), net.now);
    net.run(95_000);
    expect(reports()).toHaveLength(3);
  });
});

describe("where neighbours say that an alias is", () => {
  const other = (more: object) =>
    new Gatekeeper(
      gatekeeperConfig({
        identifier: "other",
        ras: ALTERNATE,
        signalling: { host: ALTERNATE.host, port: 1720 },
        neighbours: [GK],
        ...more,
      }),
    );
  const setUp = (more: object = {}) => {
    const gk = new Gatekeeper(gatekeeperConfig({ neighbours: [ALTERNATE] }));
    return { gk, net: new Net().add(GK.host, gk).add(ALTERNATE.host, other({ ours: (a: string) => a === "7000", ...more })) };
  };

  it("is told to who owns the gatekeeper", () => {
    const { gk, net } = setUp();
    expect(gk.locate({ dialledDigits: "7000" }, "a", 0)).toBe(true);
    expect(gk.locate({ dialledDigits: "8000" }, "b", 0)).toBe(true);
    net.run(50);
    // Who says no at once is not waited for.
    expect(net.of(GK.host, "located")).toEqual([
      { type: "located", question: "a", to: { host: ALTERNATE.host, port: 1720 } },
      { type: "located", question: "b", to: undefined },
    ]);
  });

  it("is unknown when they do not answer, and when there are none", () => {
    const { gk, net } = setUp();
    net.silent.add(ALTERNATE.host);
    gk.locate({ "h323-ID": "a" }, "a", 0);
    net.run(2_900);
    expect(net.of(GK.host, "located")).toEqual([]);
    expect(gk.answering(ALTERNATE)).toBeUndefined();
    net.run(200);
    expect(gk.answering(ALTERNATE)).toBe(false);
    expect(net.of(GK.host, "located")).toMatchObject([{ to: undefined }]);
    expect(new Gatekeeper(gatekeeperConfig()).locate({ "h323-ID": "a" }, "a", 0)).toBe(false);
  });

  it("is not believed of strangers, nor told to them", () => {
    const { gk, net } = setUp({ neighbours: [] });
    net.silent.add(ALTERNATE.host);
    gk.locate({ dialledDigits: "7000" }, "a", 0);
    net.run(0);
    const sequence = net.sent.at(-1)!.message.locationRequest!.requestSeqNum;
    const address = { ipAddress: { ip: Uint8Array.of(203, 0, 113, 9), port: 1720 } };
    const lie = encodeRas({ locationConfirm: { requestSeqNum: sequence, callSignalAddress: address, rasAddress: address } });
    gk.received(lie, { host: "203.0.113.9", port: 1719 }, net.now);
    net.run(10);
    expect(net.of(GK.host, "located")).toEqual([]);
    net.silent.clear();
    gk.locate({ dialledDigits: "7000" }, "b", net.now);
    net.run(50);
    expect(net.names(ALTERNATE.host)).toContain("locationReject");
  });
});
