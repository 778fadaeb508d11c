import { describe, expect, it } from "vitest";
import { readableControl, readableRas, readableSignalling } from "../../../src/h323/index.ts";
import { encodeSigned } from "../../../src/h323/ras/security.ts";
import { decodeSignalling, H225_VERSION, type RasMessage } from "../../../src/wire/h225/index.ts";
import { capturedPdus, captureNames } from "../../support/h323-captures.ts";
import { callConfig, mediaOf, Pair } from "../../support/h323-pair.ts";

/** A call to `2000**4711` in which 8, 1, 5 and 2 are pressed in every way; what was said in it. */
function conversation() {
  const pair = new Pair(callConfig("a", { earlyControl: true }), callConfig("b"));
  pair.a.machine.setMedia(mediaOf(pair.a.host), 0);
  pair.a.machine.start({ aliases: [{ dialledDigits: "2000**4711" }, { "h323-ID": "2000%23%234711" }] }, 0);
  pair.run();
  pair.do((p) => {
    for (const way of ["alphanumeric", "signal", "keypad"] as const) p.a.machine.sendDigits("8152", p.now, way);
  });
  pair.do((p) => p.b.machine.release(16));
  return pair.wire.map(({ kind, bytes }) => (kind === "control" ? readableControl(bytes) : readableSignalling(bytes)));
}

describe("messages for people", () => {
  it("are named and say what is in them, tunnelled control and fast start too", () => {
    const [setup, ...rest] = conversation();
    expect(setup?.name).toBe("setup");
    expect(setup?.content).toMatchObject({
      display: "a",
      called: "2000**[secret]",
      "h323-message-body": {
        setup: {
          destinationAddress: [{ dialledDigits: "2000**[secret]" }, { "h323-ID": "2000%23%23[secret]" }],
          sourceCallSignalAddress: { ipAddress: { ip: "192.0.2.1", port: 1720 } },
          sourceInfo: { vendor: { productId: "test" } },
          fastStart: expect.arrayContaining([expect.objectContaining({ forwardLogicalChannelNumber: 1002 })]),
          parallelH245Control: expect.arrayContaining([{ request: expect.objectContaining({ terminalCapabilitySet: expect.anything() }) }]),
        },
      },
    });
    expect(rest.map((message) => message.name)).toEqual(
      expect.arrayContaining([
        "connect",
        "facility response.terminalCapabilitySetAck response.masterSlaveDeterminationAck",
        "facility indication.userInput",
      ]),
    );
    expect(rest.at(-1)).toMatchObject({ name: "releaseComplete command.endSessionCommand", content: { cause: 16 } });
  });
  it("have no digits that could be a PIN", () => {
    const text = JSON.stringify(conversation());
    expect(text).toContain("[secret]");
    expect(text).not.toContain("4711");
    expect(text).not.toContain("8152");
    expect(text).not.toMatch(/"(alphanumeric|signalType|keypad)":"[^[]/);
  });
  it("have no token, proof or password, and of octets that may be anything their number", () => {
    const request: RasMessage = {
      gatekeeperRequest: {
        requestSeqNum: 1,
        protocolIdentifier: H225_VERSION,
        nonStandardData: {
          nonStandardIdentifier: { h221NonStandard: { t35CountryCode: 1, t35Extension: 0, manufacturerCode: 1 } },
          data: Buffer.from("s3cr3tW0rd"),
        },
        rasAddress: { ipAddress: { ip: Uint8Array.of(192, 0, 2, 1), port: 1719 } },
        endpointType: { mc: false, undefinedNode: false },
        endpointAlias: [{ dialledDigits: "2000**4711" }, { "h323-ID": "2000#4711" }],
      },
    };
    const signed = encodeSigned(
      request,
      { user: "alice", password: "s3cr3tW0rd", method: "hmac" },
      { generalId: "gk", seconds: 1, random: 77_123 },
    );
    const { name, content } = readableRas(signed);
    expect(name).toBe("gatekeeperRequest");
    const text = JSON.stringify(content);
    expect(text).toContain('"cryptoTokens":"[secret]"');
    expect(text).toContain('"nonStandardData":"[secret]"');
    for (const secret of ["s3cr3tW0rd", Buffer.from("s3cr3tW0rd").toString("hex"), "4711", "77123"]) expect(text).not.toContain(secret);
  });
  it("everything captured can be read", () => {
    for (const name of captureNames())
      for (const { kind, bytes } of capturedPdus(name)) {
        if (kind === "h245") expect(readableControl(bytes).name).toMatch(/^\w+\.\w+$/);
        else if (kind === "q931") expect(readableSignalling(bytes).name.split(" ")[0]).toBe(String(decodeSignalling(bytes).type));
      }
  });
});
