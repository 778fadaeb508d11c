import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { isRevoked, readRevocationLists } from "../../../src/security/certificates/crl.ts";
import { isLegible } from "../../../src/security/certificates/facts.ts";
import { type PathQuestion, verifyPath } from "../../../src/security/certificates/path.ts";
import { readCertificates } from "../../../src/security/inspect.ts";
import { fingerprint, type Made, makeCertificate, makeRevocationList, type Wanted } from "../../support/odd-certificates.ts";

const ca = (name: string, more: Partial<Wanted> = {}) => makeCertificate({ subject: [["CN", name]], ca: true, ...more });
const leafOf = (by: Made, more: Partial<Wanted> = {}) =>
  makeCertificate({ subject: [["CN", "leaf"]], by, san: [{ type: 2, value: "leaf.example" }], ...more });
let root: Made;
let other: Made;
let middle: Made;

beforeAll(() => {
  root = ca("root");
  other = ca("other");
  middle = ca("middle", { by: root, pathLength: 0 });
});

function verdict(leaf: Made, presented: readonly Made[], anchors: readonly Made[], more: Partial<PathQuestion> = {}) {
  const of = (all: readonly Made[]) => all.map(({ certificate }) => certificate);
  const { roots, fault } = verifyPath({
    leaf: leaf.certificate,
    presented: of(presented),
    anchors: of(anchors),
    purpose: "client",
    now: Date.now(),
    ...more,
  });
  return fault?.code ?? roots.map((print) => [root, other, middle, leaf].findIndex(({ pem }) => fingerprint(pem) === print));
}

describe("a certificate's path", () => {
  it("leads by signatures to every trusted certificate above it, whatever else is presented, in any order", () => {
    const leaf = leafOf(middle);
    expect(verdict(leaf, [middle], [root])).toEqual([0]);
    expect(verdict(leaf, [root, other, middle], [other, root])).toEqual([0]);
    expect(verdict(leaf, [], [middle, root])).toEqual([2, 0]);
    expect(verdict(leaf, [], [middle])).toEqual([2]);
    expect(verdict(leaf, [], [leaf])).toEqual([3]);
    expect(verdict(leaf, [], [root])).toBe("certificate-unknown-ca");
    expect(verdict(leaf, [middle], [other])).toBe("certificate-unknown-ca");
  });
  it("is not led astray by names: the CA that has signed decides, not the one that is named", () => {
    // one of `other`'s clients makes a CA with the name of `root`, without key identifiers, and shows the real root beside it
    const twin = ca("root", { by: other, bare: true });
    const leaf = leafOf(twin, { bare: true });
    expect(verdict(leaf, [root, twin], [root, other])).toEqual([1]);
    expect(verdict(leaf, [root], [root])).toBe("certificate-unknown-ca");
  });
  it("ends with each fault's own code", () => {
    expect(verdict(leafOf(root, { from: -20, to: -1 }), [], [root])).toBe("certificate-expired");
    expect(verdict(leafOf(root, { from: 1, to: 20 }), [], [root])).toBe("certificate-not-yet-valid");
    expect(verdict(leafOf(root), [], [ca("old root", { from: -20, to: -1 })])).toBe("certificate-unknown-ca");
    expect(verdict(leafOf(root, { usages: ["serverAuth"] }), [], [root])).toBe("certificate-purpose");
    expect(verdict(leafOf(root, { usages: ["clientAuth"] }), [], [root], { purpose: "server" })).toBe("certificate-purpose");
    expect(verdict(leafOf(root, { usages: null }), [], [root])).toEqual([0]);
    expect(verdict(leafOf(root, { digest: "sha1" }), [], [root])).toBe("certificate-invalid");
  });
  it("keeps to CA flags, path lengths, unknown critical extensions and name constraints, for a server's purpose too", () => {
    for (const purpose of ["client", "server"] as const) {
      const judge = (leaf: Made, presented: readonly Made[]) => verdict(leaf, presented, [root], { purpose });
      const noCa = leafOf(root);
      // which has sent itself along
      expect(judge(leafOf(noCa), [noCa])).toBe("certificate-invalid");
      expect(judge(leafOf(noCa), [])).toBe("certificate-unknown-ca");
      const flagless = makeCertificate({
        subject: [["CN", "flagless"]],
        by: root,
        ca: false,
        more: [{ name: "keyUsage", keyCertSign: true }],
      });
      expect(judge(leafOf(flagless), [flagless])).toMatch(/certificate-(invalid|unknown-ca)/);
      const below = ca("below", { by: middle });
      expect(judge(leafOf(below), [below, middle])).toBe("certificate-invalid");
      const unknown = leafOf(root, { more: [{ id: "1.2.3.4", critical: true, value: "\u0004\u0001x" }] });
      expect(judge(unknown, [])).toBe("certificate-invalid");
      // permitted: DNS bank.example
      const tree = "0\u0012\u00a0\u00100\u000e\u0082\u000cbank.example";
      const narrow = ca("narrow", { by: root, more: [{ id: "2.5.29.30", critical: true, value: tree }] });
      expect(judge(leafOf(narrow), [narrow])).toBe("certificate-invalid");
      expect(judge(leafOf(narrow, { san: [{ type: 2, value: "gw.bank.example" }] }), [narrow])).toEqual([0]);
    }
  });
  it("has CAs under name constraints whose own common names are no names of hosts", () => {
    const tree = "0\u0012\u00a0\u00100\u000e\u0082\u000cbank.example";
    const narrow = ca("narrow", { more: [{ id: "2.5.29.30", critical: true, value: tree }] });
    const issuing = ca("Issuing-CA-1", { by: narrow });
    const good = leafOf(issuing, { san: [{ type: 2, value: "gw.bank.example" }] });
    expect(verdict(good, [issuing], [narrow])).toHaveLength(1);
    // a peer's name without a SAN still is one
    const named = makeCertificate({ subject: [["CN", "gw.elsewhere.example"]], by: issuing });
    expect(verdict(named, [issuing], [narrow])).toBe("certificate-invalid");
    const called = makeCertificate({ subject: [["CN", "Room 7, second floor"]], by: issuing });
    expect(verdict(called, [issuing], [narrow])).toHaveLength(1);
  });
  it("is not looked for where a certificate cannot be read: names of directories that are no DER, keys of no kind", () => {
    expect(isLegible(leafOf(root).certificate)).toBe(true);
    const junk = makeCertificate({ subject: [["CN", "x"]], by: root, more: [{ id: "2.5.29.17", value: "0\u0005\u00a4\u00030\u0005x" }] });
    expect(isLegible(junk.certificate)).toBe(false);
    const der = readFileSync(join(import.meta.dirname, "../../fixtures/certificates/leaf.der"));
    // the point of its key, which is then on no curve
    const point = der.indexOf(Buffer.from("03420004", "hex"));
    der.fill(0xff, point + 4, point + 20);
    const keyless = new X509Certificate(der);
    expect(() => keyless.publicKey).toThrow();
    expect(isLegible(keyless)).toBe(false);
    const pem = `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
    expect(() => readCertificates(pem)).toThrow("certificate 1 cannot be read");
  });
  it("ends at what a revocation list of its issuer names, an outdated one too, and at no other list", () => {
    const leaf = leafOf(root);
    const lists = (text: string) => readRevocationLists(Buffer.from(text));
    expect(verdict(leaf, [], [root], { lists: lists(makeRevocationList(root, [leaf])) })).toBe("certificate-revoked");
    expect(verdict(leaf, [], [root], { lists: lists(makeRevocationList(root, [leaf], Date.now() - 1000)) })).toBe("certificate-revoked");
    expect(verdict(leaf, [], [root], { lists: lists(makeRevocationList(root, [])) })).toEqual([0]);
    expect(verdict(leaf, [], [root], { lists: lists(makeRevocationList(other, [leaf])) })).toEqual([0]);
    // signed by another key in its name
    expect(isRevoked(leaf.certificate, root.certificate, lists(makeRevocationList(root, [leaf], undefined, other.key)))).toBe(false);
    const low = leafOf(middle);
    expect(verdict(low, [middle], [root], { lists: lists(makeRevocationList(root, [middle])) })).toBe("certificate-revoked");
    expect(() => lists("nothing")).toThrow(/revocation list/);
  });
  it("costs no more than a few signatures, however many issuers a stranger presents", () => {
    const twins = Array.from({ length: 6 }, () => ca("loop", { bare: true }));
    const many = Array.from({ length: 60 }, (_, i) => twins[i % 6]!);
    let verified = 0;
    const leaf = makeCertificate({ subject: [["CN", "x"]], by: twins[0]!, bare: true });
    const counted = new Proxy(leaf.certificate, {
      get: (target, key) => {
        const value = Reflect.get(target, key) as unknown;
        if (key === "verify") verified++;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    verifyPath({ leaf: counted, presented: many.map(({ certificate }) => certificate), anchors: [], purpose: "client", now: Date.now() });
    expect(verified).toBeLessThanOrEqual(6);
  });
});
