// Whom a call is shown to come from: RFC 3325, 3323, 5806, 7044.
import { afterEach, describe, expect, it } from "vitest";
import type { CallerField } from "../../../../src/trunks/model.ts";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench } from "../harness.ts";

let bench: Bench;
afterEach(() => bench.stop());

const source = { "X-Source": "198.51.100.9" };
const ALL: readonly CallerField[] = ["p-asserted-identity", "remote-party-id", "diversion", "history-info", "from"];

/** From and display name of a call with these fields, by a trunk that believes `callerNumber`. */
async function shown(headers: Record<string, string>, callerNumber: readonly CallerField[] | null = ALL) {
  const carrier = trunk("carrier", { identity: { networks: ["198.51.100.0/24"] }, ...(callerNumber ? { callerNumber } : {}) });
  bench = await Bench.create({ trunks: [carrier] });
  const { call } = await bench.invite("sip:1000@gw", { headers: { ...source, From: '"Anna" <sip:anna@example.com>;tag=1', ...headers } });
  const { from, displayName } = call.leg.info;
  return [from, displayName];
}

describe("a trunk's callers are shown by the first field it is believed for", () => {
  const cases: [string, Record<string, string>, readonly CallerField[] | null, [string, string]][] = [
    ["P-Asserted-Identity", { "P-Asserted-Identity": '"Bob" <sip:+4930123@carrier;user=phone>' }, ALL, ["sip:+4930123@carrier", "Bob"]],
    [
      "its first address",
      { "P-Asserted-Identity": '"Smith, Bob" <sip:+4930123@c>, <tel:+4930124>' },
      ALL,
      ["sip:+4930123@c", "Smith, Bob"],
    ],
    ["a tel: URI", { "P-Asserted-Identity": "<tel:+4930124;cpc=ordinary>" }, ALL, ["tel:+4930124", "+4930124"]],
    ["Remote-Party-ID", { "Remote-Party-ID": '"Eve" <sip:+4930125@c>;party=calling;privacy=off' }, ALL, ["sip:+4930125@c", "Eve"]],
    ["not the called party of it", { "Remote-Party-ID": "<sip:+4930126@c>;party=called" }, ALL, ["sip:anna@example.com", "Anna"]],
    [
      "who diverted last",
      { Diversion: "<sip:+4930127@c>;reason=unconditional, <sip:+4930128@c>" },
      ["diversion"],
      ["sip:+4930127@c", "+4930127"],
    ],
    [
      "whom the call was for before",
      { "History-Info": "<sip:+4930129@c>;index=1, <sip:+4930130@c?Reason=SIP>;index=1.1, <sip:1000@gw>;index=1.2" },
      ["history-info"],
      ["sip:+4930130@c", "+4930130"],
    ],
    ["From where no field is there", {}, ALL, ["sip:anna@example.com", "Anna"]],
    ["From where a field cannot be read", { "P-Asserted-Identity": "<<<" }, ALL, ["sip:anna@example.com", "Anna"]],
    [
      "From alone where the trunk is believed for nothing else",
      { "P-Asserted-Identity": "<sip:+1@c>" },
      null,
      ["sip:anna@example.com", "Anna"],
    ],
  ];
  it.each(cases)("%s", async (_name, headers, fields, expected) => expect(await shown(headers, fields)).toEqual(expected));
});

describe("a caller who asks for privacy is nobody", () => {
  it.each([
    ["Privacy: id", { Privacy: "id", "P-Asserted-Identity": "<sip:+4930123@carrier>" }],
    ["Privacy: critical;header", { Privacy: "critical;header" }],
    ["Privacy: FULL", { Privacy: "FULL" }],
    ["privacy of Remote-Party-ID", { "Remote-Party-ID": "<sip:+4930123@carrier>;privacy=full" }],
  ])("%s (RFC 3323, RFC 3325 section 9.3)", async (_name, headers) => {
    expect(await shown(headers)).toEqual(["sip:anonymous@anonymous.invalid", "Anonymous"]);
    expect(JSON.stringify([bench.lines, bench.records, bench.events])).not.toContain("4930123");
  });

  it("Privacy: none hides nothing", async () => {
    expect(await shown({ Privacy: "none", "P-Asserted-Identity": "<sip:+4930123@carrier>" })).toEqual(["sip:+4930123@carrier", "+4930123"]);
  });
});

it("a stranger's word for it counts for nothing", async () => {
  bench = await Bench.create({});
  const { call } = await bench.invite("sip:1000@gw", { headers: { "P-Asserted-Identity": "<sip:boss@carrier>" } });
  expect(call.leg.info.from).toBe("sip:anna@example.com");
});
