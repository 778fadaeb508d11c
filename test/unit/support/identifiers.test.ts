import { expect, it } from "vitest";
import { withoutIdentifiers } from "../../support/identifiers.ts";

it("identifiers that hold a PIN's digits by chance are no find, the PIN itself is", () => {
  const chance = {
    pid: 12345,
    time: 1700123400000,
    remotePort: 41234,
    callId: "0aab1234-1234-4234-8234-001234567890",
    tag: "00ff1234aa00ff12",
  };
  expect(withoutIdentifiers(JSON.stringify(chance))).not.toContain("1234");
  for (const leak of [{ to: "sip:2000**1234@gw" }, { pin: 1234 }, { to: "sip:2000%23%231234@gw" }, { to: "20001234" }, { msg: "PIN 1234" }])
    expect(withoutIdentifiers(JSON.stringify({ ...chance, ...leak }))).toContain("1234");
});
