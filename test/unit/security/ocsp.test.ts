import { beforeAll, describe, expect, it } from "vitest";
import { readRevocationLists } from "../../../src/security/certificates/crl.ts";
import { children, readDer } from "../../../src/security/certificates/der.ts";
import { judgeStaple, type StapleQuestion } from "../../../src/security/certificates/ocsp.ts";
import { makeOcspResponse, type ResponseWanted } from "../../support/ocsp-response.ts";
import { type Made, makeCertificate, makeRevocationList, type Wanted } from "../../support/odd-certificates.ts";

let ca: Made;
let leaf: Made;
const make = (name: string, more: Partial<Wanted> = {}) => makeCertificate({ subject: [["CN", name]], by: ca, ...more });
const ocspSigning = [{ name: "extKeyUsage", "1.3.6.1.5.5.7.3.9": true }];
const responder = (more: Partial<Wanted> = {}) => make("responder", { usages: null, more: ocspSigning, ...more });

beforeAll(() => {
  ca = makeCertificate({ subject: [["CN", "ca"]], ca: true });
  leaf = make("leaf");
});

function judge(wanted: Partial<ResponseWanted> = {}, more: Partial<StapleQuestion> = {}): string {
  return verdict(makeOcspResponse({ ca, leaf, ...wanted }), more);
}

function verdict(response: Buffer, more: Partial<StapleQuestion> = {}): string {
  const found = judgeStaple(response, { leaf: leaf.certificate, issuers: [ca.certificate], now: Date.now(), ...more });
  return found.status === "unusable" ? found.words : found.status;
}

const HOUR = 3_600_000;
const later = (hours: number): Partial<StapleQuestion> => ({ now: Date.now() + hours * HOUR });

describe("a stapled OCSP response", () => {
  it("of the issuer says good, revoked, or that the certificate is not known, whichever digest its ID has", () => {
    for (const digest of ["sha1", "sha256"] as const) expect(judge({ digest })).toBe("good");
    expect(judge({ args: ["-resp_key_id"] })).toBe("good");
    expect(judge({ args: ["-resp_no_certs"] })).toBe("good");
    expect(judge({ status: "revoked" })).toBe("revoked");
    expect(judge({ status: "unknown" })).toMatch(/does not know the certificate/);
  });
  it("counts between its times, five minutes before and after; late ones still revoke", () => {
    const response = makeOcspResponse({ ca, leaf });
    expect(verdict(response, later(24.05))).toBe("good");
    expect(verdict(response, later(24.2))).toMatch(/out of date since/);
    expect(verdict(response, later(-0.05))).toBe("good");
    expect(verdict(response, later(-0.2))).toMatch(/one of the clocks is wrong/);
    expect(judge({ status: "revoked" }, later(1000))).toBe("revoked");
  });
  it("without nextUpdate counts for a day", () => {
    const response = makeOcspResponse({ ca, leaf, endless: true });
    expect(verdict(response, later(23))).toBe("good");
    expect(verdict(response, later(25))).toMatch(/out of date since/);
  });
  it("is about this certificate and this issuer, or does not count, revoking neither", () => {
    const twin = makeCertificate({ subject: [["CN", "ca"]], ca: true });
    for (const status of ["good", "revoked"] as const) {
      expect(judge({ leaf: make("other"), status })).toMatch(/about another certificate/);
      // the issuer's name, and another key
      expect(judge({ ca: twin, status })).toMatch(/about another certificate/);
    }
    expect(judge({}, { issuers: [twin.certificate] })).toMatch(/issuer is not known/);
    expect(judge({}, { issuers: [twin.certificate, leaf.certificate, ca.certificate] })).toBe("good");
  });
  it("signed by somebody else does not count, revoking neither", () => {
    const foreign = makeCertificate({ subject: [["CN", "ca"]], ca: true });
    for (const status of ["good", "revoked"] as const) {
      expect(judge({ signer: foreign, status })).toMatch(/signed neither by/);
      expect(judge({ signer: leaf, status })).toMatch(/signed neither by/);
    }
    const response = makeOcspResponse({ ca, leaf });
    const broken = Buffer.from(response);
    // a bit of the signature of the response, which stands before its certificates
    const certificate = response.indexOf(ca.certificate.raw);
    broken[certificate - 40]! ^= 1;
    expect(verdict(broken)).toMatch(/signed neither by/);
  });
  it("of a responder counts where the issuer has signed its certificate for OCSP, and that is valid", () => {
    expect(judge({ signer: responder() })).toBe("good");
    expect(judge({ signer: responder(), status: "revoked", args: ["-resp_key_id"] })).toBe("revoked");
    expect(judge({ signer: responder(), args: ["-resp_no_certs"] })).toMatch(/signed neither by/);
    for (const signer of [
      make("without usage", { usages: null }),
      make("for servers", { usages: ["serverAuth"] }),
      responder({ to: -0.5, from: -2 }),
      responder({ digest: "sha1" }),
      responder({ by: makeCertificate({ subject: [["CN", "ca"]], ca: true }) }),
      responder({ by: leaf }),
    ])
      expect(judge({ signer })).toMatch(/signed neither by/);
  });
  it("of a responder whose certificate is revoked does not count", () => {
    const signer = responder();
    const lists = readRevocationLists(Buffer.from(makeRevocationList(ca, [signer])));
    expect(judge({ signer }, { lists })).toMatch(/signed neither by/);
    expect(judge({ signer: responder() }, { lists })).toBe("good");
  });
  it("that is an error, cut off or nonsense is no exception", () => {
    expect(verdict(Buffer.from("30030a0103", "hex"))).toMatch(/tryLater/);
    expect(verdict(Buffer.from("30030a0106", "hex"))).toMatch(/unauthorized/);
    const response = makeOcspResponse({ ca, leaf });
    for (let length = 0; length < response.length; length += 7) expect(verdict(response.subarray(0, length))).toBe("cannot be read");
    for (const args of [[], ["-resp_key_id"]]) changedEverywhere(makeOcspResponse({ ca, leaf, args }));
  });
  function changedEverywhere(response: Buffer): void {
    const [signed] = children(readDer(children(readDer(children(readDer(response))[1]!.body))[1]!.body));
    const from = response.indexOf(signed!.whole);
    for (let at = 0; at < response.length; at++) {
      const changed = Buffer.from(response);
      // a length, most of all, that leads out of what is there
      changed[at]! ^= 0x41;
      const said = verdict(changed);
      if (at >= from && at < from + signed!.whole.length) expect([at, said]).not.toEqual([at, "good"]);
    }
  }
});
