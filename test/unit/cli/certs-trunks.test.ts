import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { show } from "../../../src/cli/certs-show.ts";
import { makeCertificate, makeRevocationList } from "../../support/odd-certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "crosspoint-trunks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};

it("certs show says for each trunk and direction what the certificate must be, and what we show", () => {
  const ca = makeCertificate({ subject: [["CN", "bank CA"]], ca: true });
  const old = makeCertificate({ subject: [["CN", "old CA"]], ca: true, from: -9, to: -2 });
  const own = makeCertificate({ subject: [["CN", "us"]], by: ca, san: [{ type: 2, value: "us.example" }], usages: ["serverAuth"] });
  const client = makeCertificate({ subject: [["CN", "caller"]], by: ca, san: [{ type: 2, value: "us.example" }] });
  const config = file(
    "crosspoint.yaml",
    `certificates: { cert: ${file("us.crt", own.pem + ca.pem)}, key: ${file("us.key", own.key)}, ca: [${file("old.crt", old.pem)}] }
trunks:
  - name: bank
    target: sip:bank.example;transport=tls
    identity: { certificateNames: [gw.bank.example], ca: ${file("ca.crt", ca.pem)}, crl: [${file("ca.crl", makeRevocationList(ca, []))}] }
    clientCertificate: { certificate: ${file("caller.crt", client.pem)}, key: ${file("caller.key", client.key)} }
  - { name: edge, target: "sips:edge.example", identity: { certificateNames: ["*.edge.example"], certificatePurpose: server-allowed, ocsp: required } }
  - { name: plain, target: "sip:pbx.example", identity: { networks: [192.0.2.0/24] } }
`,
  );
  let said = "";
  const written = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
  show([], { file: config }, false);
  written.mockRestore();
  const lines = said.split("\n").filter((line) => line.startsWith("trunk "));
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(
    /^trunk bank, calling us: .* for clients \(clientAuth\), named gw\.bank\.example, signed under 'bank CA' \(until .*\), revoked by none of 1 list$/,
  );
  expect(lines[1]).toMatch(/^trunk bank, called by us: .* for servers .* 'bank CA' .*; we show 'caller', for clients: valid until /);
  expect(lines[2]).toMatch(/^trunk edge, calling us: .* for clients or servers, named \*\.edge\.example, signed under .*'old CA' expired/);
  expect(lines[3]).toMatch(
    /^trunk edge, called by us: .*, shown to be good by a stapled OCSP response; we show 'us', for servers only \(no clientAuth\)/,
  );
});
