import { describe, expect, it } from "vitest";
import { dialledOf } from "../../../../src/gateway/h323/dialled.ts";
import type { AliasAddress } from "../../../../src/wire/h225/index.ts";

const known = (number: string) => number === "1000" || number === "gateway-room";
const of = (called: readonly AliasAddress[], calledNumber?: string) => dialledOf({ called, calledNumber }, known);

describe("the meeting that Setup names (H.225.0 7.6)", () => {
  it.each<{ called: AliasAddress[]; number?: string; pin?: string }>([
    { called: [{ dialledDigits: "1000" }] },
    { called: [{ "h323-ID": "gateway##1000" }] },
    { called: [{ "h323-ID": "192.0.2.1##1000##1234" }], pin: "1234" },
    { called: [{ "h323-ID": "crosspoint" }, { dialledDigits: "1000" }] },
    { called: [{ "url-ID": "sip:1000@gw.example.net" }] },
    { called: [{ "url-ID": "sips:1000@gw:5061;transport=tls" }] },
    { called: [{ "url-ID": "tel:1000;phone-context=x" }] },
    { called: [{ "url-ID": "h323:1000@gw" }] },
    { called: [{ "email-ID": "1000@gw" }] },
    { called: [{ "h323-ID": "1000**77@gw" }], pin: "77" },
    { called: [{ "h323-ID": "Crosspoint" }], number: "1000" },
  ])("$called", ({ called, number, pin = null }) => {
    expect(of(called, number)).toMatchObject({ number: "1000", pin });
  });

  it("a name that is a meeting's keeps what follows as its PIN; nothing known is what was dialled first", () => {
    expect(of([{ "h323-ID": "gateway-room##1000" }])).toMatchObject({ number: "gateway-room", pin: "1000" });
    expect(of([{ "url-ID": "sip:9999@gw" }, { dialledDigits: "8888" }])).toMatchObject({ number: "9999", pin: null });
    expect(of([{ dialledDigits: "9999" }])).toMatchObject({ number: "9999" });
    expect(of([])).toMatchObject({ number: "" });
  });
});
