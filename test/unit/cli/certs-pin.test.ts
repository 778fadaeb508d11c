import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { loadConfig } from "../../../src/app/config/load.ts";
import { pin } from "../../../src/cli/certs-pin.ts";
import { fingerprint, makeCertificate, makeRevocationList } from "../../support/odd-certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "crosspoint-pin-"));
const file = (name: string, text?: string): string => {
  if (text !== undefined) writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const ca = makeCertificate({ subject: [["CN", "bank CA"]], ca: true });
const leaf = makeCertificate({ subject: [["CN", "gw"]], by: ca, san: [{ type: 2, value: "gw.bank.example" }] });
const config = (more = "") =>
  file(
    "crosspoint.yaml",
    `sip: { tls: off }\ntrunks:\n  - name: bank\n    target: sip:bank.example;transport=tls\n    identity: { networks: [192.0.2.0/24]${more} }\n`,
  );
const written = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
const complained = vi.spyOn(process.stderr, "write").mockImplementation(() => true);
const said = () => [...written.mock.calls, ...complained.mock.calls].map(([text]) => String(text)).join("");

afterEach(() => {
  written.mockClear();
  complained.mockClear();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("pins the CA of a file, and says what to put", async () => {
  const given = file("given.pem", ca.pem);
  expect(await pin("bank", given, { file: config() }, {})).toBe(0);
  expect(fingerprint(readFileSync(file("bank-ca.crt"), "utf8"))).toBe(fingerprint(ca.pem));
  expect(said()).toContain(`SHA-256 ${fingerprint(ca.pem)}`);
  expect(said()).toContain(`ca: ${JSON.stringify(file("bank-ca.crt"))}`);
});

it("pins what a server shows: the end of its chain, or its own certificate where there is no more", async () => {
  for (const [chain, pinned] of [
    [leaf.pem + ca.pem, ca],
    [leaf.pem, leaf],
  ] as const) {
    const server = createServer({ cert: chain, key: leaf.key });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const from = `127.0.0.1:${(server.address() as { port: number }).port}`;
    expect(await pin("bank", undefined, { file: config() }, { from })).toBe(0);
    server.close();
    expect(fingerprint(readFileSync(file("bank-ca.crt"), "utf8"))).toBe(fingerprint(pinned.pem));
  }
  expect(said()).toContain("has to be pinned again");
});

it("refuses a trunk there is not, no source or two, and what is no certificate", async () => {
  const load = { file: config() };
  expect(await pin("other", file("given.pem"), load, {})).toBe(1);
  expect(await pin("bank", undefined, load, {})).toBe(1);
  expect(await pin("bank", file("given.pem"), load, { from: "127.0.0.1:1" })).toBe(1);
  expect(await pin("bank", file("text.pem", "nothing"), load, {})).toBe(1);
  expect(await pin("bank", undefined, load, { from: "127.0.0.1:1" })).toBe(1);
  expect(said()).toContain("there is no trunk other; there are: bank");
});

it("the check says in words what of a trunk's certificates would refuse its calls", () => {
  const old = makeCertificate({ subject: [["CN", "old CA"]], ca: true, from: -20, to: -10 });
  const server = makeCertificate({ subject: [["CN", "ours"]], by: ca, usages: ["serverAuth"] });
  const [certificate, key] = [file("own.crt", server.pem), file("own.key", server.key)];
  const list = file("ca.crl", makeRevocationList(ca, [], Date.now() - 86_400_000));
  const warned = (text: string) => {
    const { warnings, mistakes } = loadConfig({ file: file("check.yaml", text) });
    return [...warnings, ...mistakes].map(({ path, message }) => `${path}: ${message}`).join("\n");
  };
  const told = warned(`
sip: { tls: off }
certificates: { crl: [${list}] }
trunks:
  - name: bank
    target: sip:bank.example;transport=tls
    identity: { networks: [192.0.2.0/24], ca: ${file("old.crt", old.pem)} }
    clientCertificate: { certificate: ${certificate}, key: ${key} }
`);
  expect(told).toMatch(/trunks\[0\]\.identity\.ca: no call from or to trunk bank over TLS is believed: .*expired on/);
  expect(told).toMatch(/clientCertificate\.certificate: calls to trunk bank may be refused: .*for servers only/);
  expect(told).toMatch(/certificates\.crl\[0\]: .*out of date/);
  const registering = (engine: string) => `
engine: { sip: ${engine} }
sip: { tls: off }
trunks:
  - { name: pbx, identity: { ocsp: required, registration: { username: pbx, password: long-enough-1 } } }
`;
  expect(warned(registering("embedded"))).toMatch(/identity\.ocsp: calls to trunk pbx go by the connections of its registration/);
  expect(warned(registering("drachtio"))).toMatch(/identity\.ocsp: drachtio-server verifies who is called/);
  expect(warned(`trunks: [{ name: pbx, identity: { networks: [192.0.2.0/24], ocsp: always } }]`)).toMatch(/off, if-present/);
  const other = makeCertificate({ subject: [["CN", "x"]], ca: true });
  expect(
    warned(`sip: { tls: off }\ncertificates: { clientCertificate: { certificate: ${certificate}, key: ${file("x.key", other.key)} } }`),
  ).toMatch(/does not belong to the private key/);
});
