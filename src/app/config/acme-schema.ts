import { z } from "zod";
import { challengeKinds } from "../../security/acme/challenges.ts";
import { acmeKeys } from "../../security/acme/issue.ts";
import { oneOf, text, textLike } from "./values.ts";

/** Null for `off`. */
const port = () => {
  const expects = "a port (1 to 65535) or off";
  const message = { error: `expected ${expects}` };
  return z
    .preprocess(
      (value) => (value === "off" || value === false ? null : value),
      z.int(message).min(1, message).max(65535, message).nullable().optional(),
    )
    .meta({ expects, shown: "80 for http-01, 443 for tls-alpn-01" });
};

/** A name that a public CA can be asked for by these challenges: no wildcard, no address. */
export const domainName = /^(?=.{1,253}$)(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** `certificates.acme`. */
export const acmeSchema = z
  .strictObject({
    directory: textLike(/^https:\/\/[^\s/]+\/\S*$/, "a URL such as https://acme-v02.api.letsencrypt.org/directory").describe(
      "The CA's directory. Configuring it agrees to the CA's terms of service.",
    ),
    domains: z
      .array(textLike(domainName, "a domain name, without a wildcard"))
      .min(1, { error: "expected at least one domain name" })
      .max(100, { error: "expected at most 100 domain names" })
      .describe("Names of the certificate; each is proven by a challenge."),
    email: textLike(/^[^\s@]+@[^\s@]+$/, "a mail address")
      .optional()
      .describe("Where the CA writes to."),
    challenge: oneOf(challengeKinds)
      .default("http-01")
      .describe("How names are proven: a file by HTTP, or a certificate by TLS with the protocol `acme-tls/1`."),
    port: port().describe(
      "A port of its own where challenges are answered, on `listen`; open only while a certificate is asked for. The gateway's listeners answer them as well, http-01 `web.port`, tls-alpn-01 `sip.tls` and `sip.wss` of the embedded engine and `web.port` with `web.tls`: `off`, or the port of one of them, where that does. CAs look at 80 and 443: have those sent to one of these.",
    ),
    key: oneOf(acmeKeys).default("rsa-2048").describe("Kind of key; a new one is made for each certificate."),
    ca: text("a PEM file").optional().describe("CA of the directory's own certificate, where it is none of the public ones."),
  })
  .optional()
  .describe(
    "Have `cert` and `key` issued, and renewed at two thirds of their lifetime, by a CA that speaks ACME (RFC 8555). They are kept in the folder `acme` of `data`, 0600.",
  );
