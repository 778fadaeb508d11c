import { afterEach, expect, it } from "vitest";
import { maskDialled } from "../../../src/base/pin-mask.ts";
import type { AccessNumber } from "../../../src/trunks/access-numbers.ts";
import { trunk } from "../trunks/fixtures.ts";
import { Bench } from "./harness.ts";

let bench: Bench;
afterEach(() => bench.stop());

const entry = (number: string, changes: Partial<AccessNumber> = {}): AccessNumber => ({
  ...{ number, trunk: null, tenant: null, language: null, cost: "toll", meeting: null },
  ...changes,
});
const carrier = trunk("carrier", { identity: { networks: ["198.51.100.0/24"] }, dialling: { country: "DE" } });
const from = { "X-Source": "198.51.100.9" };
const start = async (...numbers: AccessNumber[]) => {
  bench = await Bench.create({ trunks: [carrier], numbers });
  return (user: string) => bench.invite(`sip:${user}@gw`, { headers: from });
};

it("an access number asks for the meeting in its own language, however the carrier writes it", async () => {
  const dial = await start(entry("+4930555100", { language: "de" }));
  for (const user of ["+4930555100", "4930555100", "030555100", "004930555100"]) {
    const { session } = await dial(user);
    expect([user, session.done]).toEqual([user, [expect.stringMatching(/^play de\//)]]);
  }
  expect(bench.lines).toContainEqual(expect.objectContaining({ event: "access-number", number: "+4930555100", cost: "toll" }));
});

it("a number of a meeting's own leads there, in the number's language and not the meeting's", async () => {
  const dial = await start(entry("+4930555200", { meeting: "2000", language: "de" }));
  const { call, session } = await dial("030555200");
  expect(session.done).toEqual(["play de/enter-pin"]);
  expect(call.view()).toMatchObject({ trunk: "carrier" });
});

it("a language that the call names goes before the number's", async () => {
  const dial = await start(entry("+4930555100", { language: "de" }));
  const { session } = await dial("+4930555100;locale=en_US");
  expect(session.done).toEqual([expect.stringMatching(/^play en\//)]);
});

it("a number of another trunk or tenant is nobody's here: 404", async () => {
  const dial = await start(entry("+4930555100", { trunk: "other" }), entry("+4930555200", { tenant: "acme", meeting: "1000" }));
  for (const user of ["+4930555100", "+4930555200", "030555300"]) expect((await dial(user)).sent).toMatchObject([{ status: 404 }]);
  expect(bench.records.map(({ reason }) => reason)).toEqual(
    ["+4930555100", "+4930555200", "030555300"].map((user) => expect.stringContaining(maskDialled(user))),
  );
});

it("a number whose meeting is not there is answered as one that is not there", async () => {
  const dial = await start(entry("+4930555100", { meeting: "none" }));
  expect((await dial("+4930555100")).sent).toMatchObject([{ status: 404 }]);
});

it("digits behind an access number may be a PIN: they are shown nowhere", async () => {
  const dial = await start(entry("+4930555100"));
  for (const user of ["+4930555100-734921", "+4930555100734921", "4930555100.734921", "meet-734921", "meet734921", "+1-555-0100-734921"])
    await dial(user);
  expect(bench.records.length).toBeGreaterThan(3);
  expect(JSON.stringify([bench.lines, bench.records, bench.events])).not.toContain("734921");
});

it("a refused call has the meeting that its access number reaches, for who looks for it there", async () => {
  const limited = { ...carrier, siteUuids: ["a".repeat(32)] };
  bench = await Bench.create({ trunks: [limited], numbers: [entry("+4930555200", { meeting: "2000" })] });
  const { sent } = await bench.invite(`sip:030555200@gw;x-cisco-site-uuid=${"b".repeat(32)}`, { headers: from });
  expect(sent).toMatchObject([{ status: 404 }]);
  await bench.invite("sip:030555200@gw", { headers: { ...from, Require: "nothere" } });
  expect(bench.records.map(({ outcome, meetingId }) => [outcome, meetingId])).toEqual([
    ["unknown-site", "2000"],
    ["bad-request", "2000"],
  ]);
});
