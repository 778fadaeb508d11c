import type { Trunk, TrunkKind } from "./model.ts";

/** What a trunk may be: each a set of defaults that suits the device at the other end. */
export const trunkKinds = [
  "cube-edge-audio",
  "expressway",
  "carrier-register",
  "carrier-ip",
  "pbx",
  "private-interconnect",
  "teams-style-sbc",
] as const satisfies readonly TrunkKind[];

/** Keys of a trunk's configuration that a kind gives another default. What the configuration says goes before it, key by key. */
export type KindDefaults = Partial<
  Pick<
    Trunk,
    "trust" | "srtp" | "suites" | "codecs" | "privateNetwork" | "callerNumber" | "media" | "transports" | "video" | "sessionTimer"
  >
> & { readonly identity?: Pick<Trunk["identity"], "certificatePurpose"> };

/** A kind: what it is for, its defaults, and for each of them why. */
export interface KindOfTrunk {
  readonly purpose: string;
  readonly defaults: KindDefaults;
  /** By the key's path within the trunk. */
  readonly why: Readonly<Record<string, string>>;
}

/** Some keys with their reasons, which several kinds share. */
type Part = Pick<KindOfTrunk, "defaults" | "why">;

/** Telephone callers, as carriers bring them. */
const TELEPHONES: Part = {
  defaults: {
    codecs: ["G722", "PCMA", "PCMU"],
    callerNumber: ["p-asserted-identity", "remote-party-id", "from"],
    video: false,
  },
  why: {
    codecs: "what telephone networks carry",
    callerNumber: "the network's own word before the caller's",
    video: "telephone calls: a video line is answered with port 0",
  },
};

/** An edge that is known by its certificate and encrypts everything. */
const MUTUAL_TLS: Part = {
  defaults: { trust: "verified-external", srtp: "required", transports: ["tls"], identity: { certificatePurpose: "server-allowed" } },
  why: {
    trust: "another organisation's callers, known by its edge",
    srtp: "these edges take and make no call without SRTP",
    transports: "mutual TLS only",
    "identity.certificatePurpose":
      "public CAs issue no certificate with the client purpose any more: a server's is taken, with all else about it right",
  },
};

/** Suites in Cisco's order, and no others. */
const CISCO_SUITES: Part = {
  defaults: { suites: ["AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"] },
  why: { suites: "the device's own order, and no suites it has not" },
};

/** Many carriers have no SRTP. */
const SRTP_WHERE_THERE_IS: Part = {
  defaults: { srtp: "preferred" },
  why: { srtp: "SRTP where the other side has it, which not all have" },
};

const ANYBODY: Part = {
  defaults: { trust: "unverified" },
  why: { trust: "anybody with a telephone: the carrier is known, its callers are not" },
};

/** A kind of these parts; a later one goes before an earlier one. */
function kind(purpose: string, ...parts: readonly Part[]): KindOfTrunk {
  return {
    purpose,
    defaults: Object.assign({}, ...parts.map(({ defaults }) => defaults)) as KindDefaults,
    why: Object.assign({}, ...parts.map(({ why }) => why)) as KindOfTrunk["why"],
  };
}

export const TRUNK_KINDS: Readonly<Record<TrunkKind, KindOfTrunk>> = {
  "cube-edge-audio": kind(
    "Cisco CUBE that brings its company's telephone callers, by mutual TLS and SRTP (Webex Edge Audio's rules)",
    TELEPHONES,
    MUTUAL_TLS,
    CISCO_SUITES,
    {
      defaults: { codecs: ["G722", "PCMU", "PCMA"], sessionTimer: { expires: 14_400, minSe: 1800 } },
      why: {
        codecs: "the codecs of CUBE's voice class, in its order; it does not renegotiate in a call",
        "sessionTimer.expires": "Session-Expires 14400, as the device expects it",
        "sessionTimer.minSe": "Min-SE 1800, as the device expects it",
      },
    },
  ),
  expressway: kind("Cisco Expressway-E that brings room systems, by mutual TLS and SRTP", MUTUAL_TLS, CISCO_SUITES, {
    defaults: { video: true },
    why: { video: "rooms come with pictures, a second for content, and floor control" },
  }),
  "carrier-register": kind("a carrier at which we register, with user name and password", TELEPHONES, SRTP_WHERE_THERE_IS, ANYBODY, {
    defaults: { identity: MUTUAL_TLS.defaults.identity! },
    why: { "identity.certificatePurpose": MUTUAL_TLS.why["identity.certificatePurpose"]! },
  }),
  "carrier-ip": kind("a carrier known by the addresses it calls from", TELEPHONES, SRTP_WHERE_THERE_IS, ANYBODY, {
    defaults: { media: { latch: "source" } },
    why: { "media.latch": "media of the address in SDP, or of the host that signals" },
  }),
  pbx: kind("a company's own telephone system", SRTP_WHERE_THERE_IS, {
    defaults: { trust: "verified", codecs: ["opus", "G722", "PCMA", "PCMU"], video: true },
    why: {
      trust: "the company's own telephones",
      codecs: "wide band inside a company",
      video: "room systems and softphones behind it may have pictures",
    },
  }),
  "private-interconnect": kind(
    "a carrier or company over a private line: nothing of the internet on the way",
    TELEPHONES,
    SRTP_WHERE_THERE_IS,
    {
      defaults: {
        trust: "verified-external",
        privateNetwork: true,
        transports: ["udp", "tcp", "tls"],
        media: { latch: "signalled" },
      },
      why: {
        trust: "another organisation, known by its line",
        privateNetwork: "keys may travel in clear on a private line, on your word: set false where the line crosses anything public",
        transports: "no browsers come this way",
        "media.latch": "no NAT stands on a private line: media come from the signalled address alone",
      },
    },
  ),
  "teams-style-sbc": kind(
    "a session border controller beside a cloud telephone system: direct routing by TLS and SRTP",
    TELEPHONES,
    MUTUAL_TLS,
    {
      defaults: {
        suites: ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM"],
        codecs: ["G722", "PCMU", "PCMA"],
        sessionTimer: { expires: 1800, minSe: 90 },
      },
      why: {
        suites: "the suite they all have first: their devices take the first that is offered",
        codecs: "without Opus, which such controllers pass on but do not transcode",
        "sessionTimer.expires": "half an hour, refreshed at its half",
        "sessionTimer.minSe": "the standard's least",
      },
    },
  ),
};
