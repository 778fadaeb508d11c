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

const SERVER_ALLOWED =
  "public CAs issue no certificate with the client purpose any more: a server's is taken, with all else about it right";

export const TRUNK_KINDS: Readonly<Record<TrunkKind, KindOfTrunk>> = {
  "cube-edge-audio": {
    purpose: "Cisco CUBE that brings its company's telephone callers, by mutual TLS and SRTP (Webex Edge Audio's rules)",
    defaults: {
      trust: "verified-external",
      srtp: "required",
      suites: ["AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"],
      codecs: ["G722", "PCMU", "PCMA"],
      transports: ["tls"],
      callerNumber: ["p-asserted-identity", "remote-party-id", "from"],
      video: false,
      sessionTimer: { expires: 14_400, minSe: 1800 },
      identity: { certificatePurpose: "server-allowed" },
    },
    why: {
      callerNumber: "the network's own word before the caller's",
      trust: "its callers are telephones: known by the company's gateway, not as persons",
      srtp: "CUBE is configured for SRTP without fallback towards the meeting service",
      suites: "CUBE's own order, and no other suites (voice class srtp-crypto)",
      codecs: "the codecs of CUBE's voice class, in its order; it does not renegotiate in a call",
      transports: "transport tcp tls v1.2 only",
      video: "telephone calls: a video line is answered with port 0",
      "sessionTimer.expires": "Session-Expires 14400, as the device expects it",
      "sessionTimer.minSe": "Min-SE 1800, as the device expects it",
      "identity.certificatePurpose": SERVER_ALLOWED,
    },
  },
  expressway: {
    purpose: "Cisco Expressway-E that brings room systems, by mutual TLS and SRTP",
    defaults: {
      trust: "verified-external",
      srtp: "required",
      suites: ["AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"],
      transports: ["tls"],
      video: true,
      identity: { certificatePurpose: "server-allowed" },
    },
    why: {
      trust: "rooms of another organisation, verified by its edge",
      srtp: "the zone's media encryption mode is force encrypted",
      suites: "the suites Expressway has; those of 256 bit counter mode it has not",
      transports: "a neighbour or DNS zone with TLS verify",
      video: "rooms come with pictures, a second for content, and floor control",
      "identity.certificatePurpose": SERVER_ALLOWED,
    },
  },
  "carrier-register": {
    purpose: "a carrier at which we register, with user name and password",
    defaults: {
      trust: "unverified",
      srtp: "preferred",
      codecs: ["G722", "PCMA", "PCMU"],
      callerNumber: ["p-asserted-identity", "remote-party-id", "from"],
      video: false,
      identity: { certificatePurpose: "server-allowed" },
    },
    why: {
      callerNumber: "the network's own word before the caller's",
      trust: "anybody with a telephone: the carrier is known, its callers are not",
      srtp: "SRTP where the carrier has it, which not all have",
      codecs: "what telephone networks carry",
      video: "telephone calls",
      "identity.certificatePurpose": SERVER_ALLOWED,
    },
  },
  "carrier-ip": {
    purpose: "a carrier known by the addresses it calls from",
    defaults: {
      trust: "unverified",
      srtp: "preferred",
      codecs: ["G722", "PCMA", "PCMU"],
      callerNumber: ["p-asserted-identity", "remote-party-id", "from"],
      video: false,
      media: { latch: "source" },
    },
    why: {
      callerNumber: "the network's own word before the caller's",
      trust: "anybody with a telephone; and an address alone proves little",
      srtp: "SRTP where the carrier has it, which not all have",
      codecs: "what telephone networks carry",
      video: "telephone calls",
      "media.latch": "media of the address in SDP, or of the host that signals",
    },
  },
  pbx: {
    purpose: "a company's own telephone system",
    defaults: { trust: "verified", srtp: "preferred", codecs: ["opus", "G722", "PCMA", "PCMU"], video: true },
    why: {
      trust: "the company's own telephones",
      srtp: "SRTP where the system has it",
      codecs: "wide band inside a company",
      video: "room systems and softphones behind it may have pictures",
    },
  },
  "private-interconnect": {
    purpose: "a carrier or company over a private line: nothing of the internet on the way",
    defaults: {
      trust: "verified-external",
      srtp: "preferred",
      privateNetwork: true,
      codecs: ["G722", "PCMA", "PCMU"],
      transports: ["udp", "tcp", "tls"],
      callerNumber: ["p-asserted-identity", "remote-party-id", "from"],
      video: false,
      media: { latch: "signalled" },
    },
    why: {
      callerNumber: "the network's own word before the caller's",
      trust: "another organisation, known by its line",
      srtp: "SRTP where the other side has it",
      privateNetwork: "keys may travel in clear on a private line, on your word: set false where the line crosses anything public",
      codecs: "what telephone networks carry",
      transports: "no browsers come this way",
      video: "telephone calls",
      "media.latch": "no NAT stands on a private line: media come from the signalled address alone",
    },
  },
  "teams-style-sbc": {
    purpose: "a session border controller beside a cloud telephone system: direct routing by TLS and SRTP",
    defaults: {
      trust: "verified-external",
      srtp: "required",
      suites: ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM"],
      codecs: ["G722", "PCMU", "PCMA"],
      transports: ["tls"],
      callerNumber: ["p-asserted-identity", "remote-party-id", "from"],
      video: false,
      sessionTimer: { expires: 1800, minSe: 90 },
      identity: { certificatePurpose: "server-allowed" },
    },
    why: {
      callerNumber: "the network's own word before the caller's",
      trust: "the company's callers, known by its controller",
      srtp: "these services take no call without SRTP",
      suites: "the suite they all have first: their devices take the first that is offered",
      codecs: "without Opus, which such controllers pass on but do not transcode",
      transports: "TLS 1.2 and up only",
      video: "telephone calls",
      "sessionTimer.expires": "half an hour, refreshed at its half",
      "sessionTimer.minSe": "the standard's least",
      "identity.certificatePurpose": SERVER_ALLOWED,
    },
  },
};
