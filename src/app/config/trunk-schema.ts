import { TRACE_LEVELS } from "../../trace/index.ts";
import { z } from "zod";
import { TRUNK_KINDS, trunkKinds } from "../../trunks/kinds.ts";
import { digestAlgorithms } from "../../trunks/digest.ts";
import { ocspPolicies } from "../../security/certificates/ocsp.ts";
import { diallingSchema } from "./number-schema.ts";
import { flag, network, oneOf, section, text, textLike, whole } from "./values.ts";

/** SDES suites the gateway knows, in its own order of preference (RFC 7714, 4568, 6188). */
export const suiteNames = [
  "AEAD_AES_256_GCM",
  "AEAD_AES_128_GCM",
  "AES_256_CM_HMAC_SHA1_80",
  "AES_CM_128_HMAC_SHA1_80",
  "AES_256_CM_HMAC_SHA1_32",
  "AES_CM_128_HMAC_SHA1_32",
] as const;

/** Audio codecs the media servers have, in the order of preference. */
export const codecNames = ["opus", "G722", "PCMU", "PCMA"] as const;

const certificateName = () => textLike(/^(?:\*\.)?[^\s*]+$/, "a name from a certificate, exact or *.example.com");

const algorithms = z
  .array(oneOf(digestAlgorithms))
  .min(1, { error: "expected at least one algorithm" })
  .optional()
  .meta({ expects: "a list: SHA-256, MD5", shown: "`SHA-256, MD5`" })
  .describe(
    "Algorithms of the challenge, one WWW-Authenticate field each, in this order. A device that reads the first field only and has no SHA-256 needs `[MD5, SHA-256]`, or `[MD5]`; an answer by another algorithm is taken for wrong.",
  );

const identity = z.strictObject({
  certificateNames: z
    .array(certificateName())
    .min(1, { error: "expected at least one name" })
    .optional()
    .describe(
      "Names of its certificate, exact or `*.example.com`; one must match. The SIP URIs of the certificate (`sip:example.com`), the DNS names where there are none, the common name only where there is no SAN at all (RFC 5922); an address is looked for among the IP addresses.",
    ),
  ca: text("a PEM file")
    .optional()
    .describe(
      "CAs that its certificate is verified by, when it calls and when it is called over TLS; those of `certificates.ca` otherwise. `crosspoint certs pin` writes such a file.",
    ),
  certificatePurpose: oneOf(["client", "server-allowed"])
    .default("client")
    .describe(
      "What its certificate must be for when it calls: `client` (extended key usage clientAuth), or also a server's only, where everything else about it is right. Each such call is told in the log.",
    ),
  crl: z
    .array(text("a revocation list"))
    .min(1, { error: "expected at least one file" })
    .optional()
    .describe("Revocation lists of its CAs, PEM or DER; beside those of `certificates.crl`."),
  ocsp: oneOf(ocspPolicies)
    .default("off")
    .describe(
      "OCSP stapling in calls to it over TLS: `if-present` asks for it and refuses a certificate that the response revokes; `required` also one without a good, fresh response, and sends no call by a connection that it has opened itself. Its own calls are judged by revocation lists only.",
    ),
  module: textLike(/^\.{0,2}\/\S{1,1000}$/, "the path of a module such as ./identity.js")
    .optional()
    .describe("A module with a check of your own, `checkIdentity` (docs/understand/building.md): its answer must be true."),
  networks: z.array(network()).min(1, { error: "expected at least one network" }).optional().describe("Networks it calls from."),
  digest: z
    .strictObject({
      username: text().describe("User name."),
      password: text("a password").describe("Password; better {env: NAME} or {file: path}."),
      realm: text().optional().meta({ expects: "text", shown: "`crosspoint`" }).describe("Realm of the challenge."),
      algorithms,
    })
    .optional()
    .describe("Digest credentials (RFC 7616) it must answer with."),
  registration: z
    .strictObject({
      username: text().describe("User name of its credentials, and user part of the address it registers."),
      password: text("a password").describe("Password; better {env: NAME} or {file: path}."),
      realm: text().optional().meta({ expects: "text", shown: "`crosspoint`" }).describe("Realm of the challenge."),
      algorithms,
      minSeconds: whole(10, 3600, 60, "seconds").describe("A shorter registration is answered 423."),
      maxSeconds: whole(60, 86_400, 3600, "seconds").describe("A longer registration is shortened to this."),
      maxContacts: whole(1, 100, 5).describe("Contacts at a time; for one more the oldest goes."),
    })
    .optional()
    .describe(
      "It must have registered with us (RFC 3261 section 10): its calls come over the connection, or from the UDP address, it has registered from, and calls to it go there.",
    ),
});

/** A certificate with its key, for calls that we place. */
export const clientCertificateSchema = (what: string) =>
  z
    .strictObject({
      certificate: text("a PEM file").describe("The certificate with its chain, PEM."),
      key: text("a PEM file").describe("Its private key, PEM, readable by nobody else."),
    })
    .optional()
    .describe(what);

const registrar = () => textLike(/^sips?:[^\s@]+$/, "a URI such as sip:carrier.example;transport=tls");

const register = z
  .strictObject({
    registrars: z
      .array(registrar())
      .min(1, { error: "expected at least one registrar" })
      .describe("Registrars, for example `sip:carrier.example;transport=tls`; the next is asked where one does not answer."),
    username: textLike(/^[A-Za-z0-9.+_~-]{1,64}$/, "letters, digits, . _ ~ + -, at most 64").describe(
      "User part of our address there and of our contact.",
    ),
    password: text("a password").describe("Password; better {env: NAME} or {file: path}."),
    authUsername: text().optional().meta({ expects: "text", shown: "`username`" }).describe("User name of the credentials."),
    domain: text()
      .optional()
      .meta({ expects: "a domain", shown: "the first registrar's host" })
      .describe("Host part of our address there."),
    seconds: whole(60, 86_400, 3600, "seconds").describe("How long we ask to be registered; the registrar may say otherwise."),
  })
  .optional()
  .describe(
    "We register with it, as its client (RFC 3261 section 10.2). Calls to our contact go to the number in To; calls we make carry our address there and these credentials.",
  );

const common = {
  srtp: oneOf(["required", "preferred", "none"])
    .default("preferred")
    .describe("`required` refuses plain RTP, `preferred` takes the best both have, `none` never encrypts."),
  suites: z
    .array(oneOf(suiteNames))
    .min(1, { error: "expected at least one suite" })
    .optional()
    .describe("SRTP suites allowed, in order of preference; all, best first, where absent."),
  codecs: z
    .array(oneOf(codecNames))
    .min(1, { error: "expected at least one codec" })
    .optional()
    .meta({ expects: "a list: opus, G722, PCMU, PCMA", shown: "`media.codecs`" })
    .describe("Audio codecs of its calls, in order of preference."),
  privateNetwork: flag(false).describe(
    "SRTP keys are accepted over unencrypted signalling: the network is private, on the operator's word.",
  ),
  media: section(
    {
      latch: oneOf(["signalled", "source", "any"])
        .default("source")
        .describe(
          "Whose media are taken where no SRTP proves them. `source`: of the host in SDP or H.245, and of the host its signalling comes from, where a caller behind a NAT is. `signalled`: of the very address and port in SDP or H.245. `any`: of whoever sends first, for a trunk whose signalling comes from elsewhere than its media and which is behind a NAT; a stranger may take its calls.",
        ),
    },
    "Its media.",
  ),
  transports: z
    .array(oneOf(["udp", "tcp", "tls", "ws", "wss"]))
    .min(1, { error: "expected at least one transport" })
    .optional()
    .describe("Transports it may use; all where absent."),
  callerNumber: z
    .array(oneOf(["p-asserted-identity", "remote-party-id", "diversion", "history-info", "from"]))
    .min(1, { error: "expected at least one field" })
    .optional()
    .meta({ expects: "a list: p-asserted-identity, remote-party-id, diversion, history-info, from", shown: "`from`" })
    .describe(
      "Fields that say who calls, the first that is there; believed of this trunk alone. A caller who asks for privacy (`Privacy: id`) is shown as Anonymous whatever it says.",
    ),
  dialling: diallingSchema,
  sessionTimer: z
    .strictObject({
      expires: whole(90, 86_400, 1800, "seconds").describe("Session-Expires that its calls ask for (RFC 4028)."),
      minSe: whole(90, 86_400, 90, "seconds").describe("Min-SE: the shortest that is taken."),
    })
    .optional()
    .meta({ expects: "a section", shown: "`sip.sessionExpires`, `sip.minSe`" })
    .describe("Session timers of its calls."),
  video: flag(true).describe("Whether its calls may have pictures: video and shared screens."),
  maxCalls: whole(0, 1_000_000, 0).describe("Most calls at a time; 0 for no limit."),
  maxCallsPerSecond: whole(0, 100_000, 0).describe("Most new calls a second; 0 for no limit."),
  tenant: text().nullable().default(null).describe("The tenant whose meetings it reaches; those of no tenant where absent."),
};

const kinds = trunkKinds.map((kind) => `\`${kind}\`: ${TRUNK_KINDS[kind].purpose}`).join("; ");

/** One of `trunks`: the keys of Trunk in src/trunks/model.ts. */
export const trunkSchema = z.strictObject({
  name: textLike(/^[A-Za-z0-9._-]{1,64}$/, "letters, digits, . _ -, at most 64").describe("Shown in logs, records and metrics."),
  kind: oneOf(trunkKinds)
    .optional()
    .describe(
      `What it is: other defaults for the keys below, which \`crosspoint check --explain\` writes out; what is set here goes before them. ${kinds}.`,
    ),
  identity: identity
    .prefault({})
    .describe(
      "How it is recognised. Every kind that is given must match. May be left out with `register`: then by the registrar's address.",
    ),
  trust: oneOf(["verified", "verified-external", "unverified"]).default("verified-external").describe("How far its callers are trusted."),
  ...common,
  register,
  target: textLike(/^(?:sips?|h323):[^\s@]+$/, "a URI such as sip:192.0.2.1:5061;transport=tls or h323:192.0.2.1;transport=tls")
    .nullable()
    .default(null)
    .describe(
      "Where calls to it go, for example `sip:192.0.2.1:5061;transport=tls` or `h323:192.0.2.1;transport=tls` (port 1300); absent for a trunk that only brings calls.",
    ),
  log: z
    .strictObject({ sip: oneOf(TRACE_LEVELS).describe("Messages of its calls: `off`, `headers` or `full`.") })
    .optional()
    .describe("What is seen of its calls' messages; the section `log` where absent."),
  clientCertificate: clientCertificateSchema("Shown in calls to it; `certificates.clientCertificate` where absent."),
  siteUuids: z
    .array(textLike(/^[0-9A-Fa-f]{32}$/, "32 hexadecimal digits"))
    .optional()
    .describe("Known `x-cisco-site-uuid` values; a call naming another is answered 404. Not looked at where absent."),
  legacyCiphers: flag(false).describe("Turns on the TLS 1.2 suites without forward secrecy, for the whole listener."),
});

/** `unknownCallers`: what becomes of calls that no trunk matches. */
export const unknownCallersSchema = z
  .preprocess(
    (value) => (value === "off" || value === false ? null : value),
    z
      .strictObject({
        trust: oneOf(["verified-external", "unverified"]).default("unverified").describe("How far they are trusted."),
        ...common,
      })
      .nullable(),
  )
  .default(null)
  .meta({ expects: "off, or the keys below", shown: "off" })
  .describe("Callers that no trunk matches: off (403, and silence for scanners), or what they may do.");
