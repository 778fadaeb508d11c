import { createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../../../src/app/config/load.ts";
import { type Made, makeCertificate, makeRevocationList } from "../../../support/odd-certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "crosspoint-own-certificate-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
};
const DNS = [{ type: 2, value: "gw.example" }] as const;
let root: Made;
let good: Made;
beforeAll(() => {
  root = makeCertificate({ subject: [["CN", "root"]], ca: true });
  good = makeCertificate({ subject: [["CN", "gw.example"]], by: root, san: DNS, to: 90 });
});

/** What `check` says of the gateway's own certificate and of CAs. */
function said({ cert = good.pem, key = good.key, ca = root.pem, crl = "" }): string[] {
  const lists = crl === "" ? "" : `, crl: [${file("list.crl", crl)}]`;
  const text = `unknownCallers: off\ncertificates: { cert: ${file("own.crt", cert)}, key: ${file("own.key", key)}, ca: [${file("ca.crt", ca)}]${lists} }\n`;
  const { mistakes, warnings } = loadConfig({ file: file("c.yaml", text), env: {} });
  return [
    ...mistakes.map(({ path, message }) => `mistake ${path}: ${message}`),
    ...warnings.filter(({ path }) => path.startsWith("certificates")).map(({ path, message }) => `${path}: ${message}`),
  ];
}

describe("check says of a certificate of ours", () => {
  test("nothing where it is good, with its whole chain", () => {
    expect(said({})).toEqual([]);
    const middle = makeCertificate({ subject: [["CN", "middle"]], ca: true, by: root, to: 90 });
    const below = makeCertificate({ subject: [["CN", "gw.example"]], by: middle, san: DNS, to: 90 });
    expect(said({ cert: below.pem + middle.pem, key: below.key })).toEqual([]);
    expect(said({ cert: below.pem, key: below.key })).toEqual([expect.stringMatching(/cert: the chain ends at .*append the intermediate/)]);
  });

  test("what is wrong with its key: another's, encrypted, none", () => {
    const sealed = createPrivateKey(good.key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }).toString();
    expect(said({ key: root.key })).toEqual(["mistake certificates.cert: does not belong to the private key"]);
    expect(said({ key: sealed })).toEqual([
      expect.stringMatching(/^mistake certificates.cert: its private key is encrypted.*openssl pkey/),
    ]);
    expect(said({ key: good.pem })).toEqual([expect.stringMatching(/^mistake certificates.cert: its private key cannot be read/)]);
  });

  test("that it is too weak, signed by itself, under no CA, or revoked", () => {
    const sha1 = makeCertificate({ subject: [["CN", "gw.example"]], by: root, san: DNS, to: 90, digest: "sha1" });
    expect(said({ cert: sha1.pem, key: sha1.key })).toEqual([expect.stringMatching(/^mistake .*is signed by an algorithm that is broken/)]);
    const alone = makeCertificate({ subject: [["CN", "gw.example"]], san: DNS, to: 90 });
    expect(said({ cert: alone.pem, key: alone.key })).toEqual([expect.stringMatching(/^certificates.cert: is signed by itself/)]);
    const below = makeCertificate({ subject: [["CN", "x.example"]], by: good, san: DNS, to: 90 });
    expect(said({ cert: below.pem + good.pem, key: below.key })).toEqual([
      "mistake certificates.cert: CN=gw.example: has signed certificate 1 in the file and is no CA: peers refuse it",
    ]);
    expect(said({ crl: makeRevocationList(root, [good]) })).toEqual([
      expect.stringMatching(/^certificates.cert: the certificate 'gw.example' is revoked by its CA's list/),
    ]);
  });

  test("that a CA has expired or is none", () => {
    const old = makeCertificate({ subject: [["CN", "old root"]], ca: true, from: -20, to: -1 });
    expect(said({ ca: root.pem + old.pem })).toEqual([
      expect.stringMatching(/^certificates.ca\[0\]: nobody under it is believed: the certificate 'old root' expired/),
    ]);
    expect(said({ ca: root.pem + good.pem })).toEqual([
      expect.stringMatching(/^certificates.ca\[0\]: the certificate 'gw.example' is no CA/),
    ]);
  });
});
