import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Made } from "./odd-certificates.ts";

export interface ResponseWanted {
  /** Whose certificates are asked about, and who is said to have issued `leaf`. */
  readonly ca: Made;
  readonly leaf: Made;
  /** `unknown`: the responder's list does not have it. */
  readonly status?: "good" | "revoked" | "unknown";
  /** Who signs it; `ca` where absent. */
  readonly signer?: Made;
  /** Further arguments of `openssl ocsp`. */
  readonly args?: readonly string[];
  /** Of the certificate's ID. */
  readonly digest?: "sha1" | "sha256";
  /** Without nextUpdate; a day otherwise. */
  readonly endless?: boolean;
}

/** An OCSP response, DER, as OpenSSL's own responder makes it. */
export function makeOcspResponse({ ca, leaf, status = "good", signer = ca, args = [], digest = "sha1", endless }: ResponseWanted): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "ocsp-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  try {
    const { serialNumber } = leaf.certificate;
    const end = "991231235959Z";
    const line = status === "revoked" ? ["R", end, "250101000000Z"] : ["V", end, ""];
    const index = status === "unknown" ? "" : `${[...line, serialNumber, "unknown", "/CN=x"].join("\t")}\n`;
    const out = join(folder, "response.der");
    // openssl says what it has done on its standard error
    execFileSync(
      "openssl",
      [
        ...["ocsp", "-index", file("index.txt", index), "-CA", file("ca.crt", ca.pem), "-noverify"],
        ...["-rsigner", file("signer.crt", signer.pem), "-rkey", file("signer.key", signer.key)],
        ...[`-${digest}`, "-issuer", file("issuer.crt", ca.pem), "-cert", file("leaf.crt", leaf.pem)],
        ...[...(endless ? [] : ["-ndays", "1"]), ...args, "-respout", out],
      ],
      { stdio: "pipe", timeout: 20_000 },
    );
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
