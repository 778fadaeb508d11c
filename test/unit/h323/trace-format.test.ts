import { describe, expect, it } from "vitest";
import { readableControl, readableSignalling } from "../../../src/h323/index.ts";
import { decodeSignalling } from "../../../src/wire/h225/index.ts";
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
  it("everything captured can be read", () => {
    for (const name of captureNames())
      for (const { kind, bytes } of capturedPdus(name)) {
        if (kind === "h245") expect(readableControl(bytes).name).toMatch(/^\w+\.\w+$/);
        else if (kind === "q931") expect(readableSignalling(bytes).name.split(" ")[0]).toBe(String(decodeSignalling(bytes).type));
      }
  });
});
