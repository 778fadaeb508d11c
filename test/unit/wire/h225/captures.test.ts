import { describe, expect, it } from "vitest";
import * as h225 from "../../../../src/wire/h225/index.ts";
import { capturedPdus, captureNames, embedded } from "../../../support/h323-captures.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("captured call signalling and RAS", () => {
  const pdus = captureNames().flatMap((name) => capturedPdus(name).map((pdu) => ({ name, ...pdu })));

  it("is there in quantity", () => {
    expect(pdus.filter((p) => p.kind === "q931").length).toBe(352);
    expect(pdus.filter((p) => p.kind === "ras").length).toBe(1);
  });
  it("decodes, and encodes again to the same bytes", () => {
    for (const p of pdus) {
      if (p.kind === "q931") expect(hex(h225.encodeSignalling(h225.decodeSignalling(p.bytes))), p.name).toBe(hex(p.bytes));
      if (p.kind === "ras") expect(hex(h225.encodeRas(h225.decodeRas(p.bytes))), p.name).toBe(hex(p.bytes));
    }
  });
  it("says what the peers said: a Setup with fast start", () => {
    const pdu = capturedPdus("ast16-caller-hangup-fs_yes-tun_yes.pcap")[0]!;
    const message = h225.decodeSignalling(pdu.bytes);
    expect(message).toMatchObject({ type: "setup", fromDestination: false });
    expect(h225.readNumber(h225.element(message, h225.IE.calledPartyNumber))).toBe("600");
    expect(h225.readDisplay(h225.element(message, h225.IE.display))).toBe("asta");
    expect(message.info?.["h323-uu-pdu"].h245Tunnelling).toBe(true);
    const setup = message.info?.["h323-uu-pdu"]["h323-message-body"].setup;
    expect(setup).toMatchObject({
      protocolIdentifier: "0.0.8.2250.0.4",
      sourceAddress: [{ "h323-ID": "asta" }, { dialledDigits: "200" }],
      destinationAddress: [{ dialledDigits: "600" }],
      destCallSignalAddress: { ipAddress: { ip: new Uint8Array([127, 0, 0, 3]), port: 1720 } },
      conferenceGoal: { create: true },
      callType: { pointToPoint: true },
      mediaWaitForConnect: false,
    });
    expect(setup?.sourceInfo.vendor?.vendor).toEqual({ t35CountryCode: 184, t35Extension: 0, manufacturerCode: 39 });
    expect(embedded(message).fastStart).toHaveLength(4);
  });
  it("says what the peers said: busy is cause 17", () => {
    const released = capturedPdus("ast16-busy17-fs_no-tun_no.pcap")
      .map((p) => h225.decodeSignalling(p.bytes))
      .at(-1)!;
    expect(released.type).toBe("releaseComplete");
    expect(h225.readCause(h225.element(released, h225.IE.cause))).toBe(17);
  });
  it("says what the peers said: a gatekeeper is looked for", () => {
    const request = h225.decodeRas(capturedPdus("ast16-gk-grq-unanswered.pcap")[0]!.bytes).gatekeeperRequest;
    expect(request).toMatchObject({ requestSeqNum: 2, endpointAlias: [{ "h323-ID": "asta" }, { dialledDigits: "200" }] });
    expect(request?.rasAddress).toEqual({ ipAddress: { ip: new Uint8Array([127, 0, 0, 2]), port: 13030 } });
  });
  it("carries digits in INFORMATION when nothing better was advertised", () => {
    const digits = capturedPdus("ast16-fs_no-tun_yes-q931keypad-peer_without_uii.pcap")
      .map((p) => h225.decodeSignalling(p.bytes))
      .filter((m) => m.type === "information")
      .map((m) => h225.readText(h225.element(m, h225.IE.keypad)));
    expect(digits.join("")).toBe("159*0");
  });
});
