/** Keys of H.235.6: Diffie-Hellman groups in call signalling's tokens, and media keys on their way in H.245. */
import { createCipheriv, createDecipheriv, createDiffieHellman, type DiffieHellman, getDiffieHellman, randomBytes } from "node:crypto";
import { h235 } from "../../wire/h225/index.ts";
import { decode, encode } from "../../wire/per/index.ts";

type ClearToken = h235.ClearToken;

/** A cipher for media. Names as they are shown to operators. */
export interface MediaAlgorithm {
  readonly name: "H235_AES_128_CBC" | "H235_AES_192_CBC" | "H235_AES_256_CBC";
  readonly oid: string;
  readonly cipher: "aes-128-cbc" | "aes-192-cbc" | "aes-256-cbc";
  /** Octets of its key. */
  readonly keyLength: 16 | 24 | 32;
}
const AES_128: MediaAlgorithm = { name: "H235_AES_128_CBC", oid: "2.16.840.1.101.3.4.1.2", cipher: "aes-128-cbc", keyLength: 16 };
const AES_192: MediaAlgorithm = { name: "H235_AES_192_CBC", oid: "2.16.840.1.101.3.4.1.22", cipher: "aes-192-cbc", keyLength: 24 };
const AES_256: MediaAlgorithm = { name: "H235_AES_256_CBC", oid: "2.16.840.1.101.3.4.1.42", cipher: "aes-256-cbc", keyLength: 32 };

interface Group {
  /** Token that carries a half key of it, H.235.6 table of DH groups. */
  readonly oid: string;
  /** The same prime by the name of RFC 2409 (1024 bits) and RFC 3526. */
  readonly name: "modp2" | "modp14";
  readonly octets: number;
  /** What it is strong enough for, most wanted first. */
  readonly algorithms: readonly MediaAlgorithm[];
}

/** Strongest first. Peers that know only 1024 bits are many; who wants more leaves them unencrypted, which is no better. */
const GROUPS: readonly Group[] = [
  { oid: "0.0.8.235.0.3.45", name: "modp14", octets: 256, algorithms: [AES_256, AES_192, AES_128] },
  { oid: "0.0.8.235.0.3.43", name: "modp2", octets: 128, algorithms: [AES_128] },
];
/** Says that media keys may come as H.235 version 3 has them (V3KeySyncMaterial). */
const VERSION_3 = "0.0.8.235.0.3.24";

const NOTHING = { bytes: new Uint8Array(0), length: 0 };
const bits = (bytes: Uint8Array) => ({ bytes, length: bytes.length * 8 });

/** What both ends have in common once tokens have been exchanged. */
export class SharedSecret {
  /** Ciphers it is strong enough for, most wanted first. */
  readonly algorithms: readonly MediaAlgorithm[];
  /** Bits of the group. */
  readonly strength: number;
  readonly #secret: Buffer;
  readonly #version3: boolean;

  constructor(group: Group, secret: Buffer, version3: boolean) {
    this.algorithms = group.algorithms;
    this.strength = group.octets * 8;
    this.#secret = secret;
    this.#version3 = version3;
  }

  /** The media key as an encoded H235Key: encrypted with the end of the secret, H.235.6 8.6. */
  seal(algorithm: MediaAlgorithm, key: Uint8Array): Uint8Array {
    const { oid: algorithmOID } = algorithm;
    if (this.#version3) {
      const encryptedSessionKey = this.#encrypt(algorithm, key);
      return encode(h235.H235Key, { secureSharedSecret: { algorithmOID, paramS: {}, encryptedSessionKey } });
    }
    const material = encode(h235.KeySyncMaterial, { generalID: "-", keyMaterial: bits(key) });
    return encode(h235.H235Key, { sharedSecret: { algorithmOID, paramS: {}, encryptedData: this.#encrypt(algorithm, padded(material)) } });
  }

  /** The media key of an encoded H235Key; undefined when it cannot be read, or is none for the cipher. */
  unseal(algorithm: MediaAlgorithm, bytes: Uint8Array): Uint8Array | undefined {
    try {
      const { secureSharedSecret: v3, sharedSecret: v2 } = decode(h235.H235Key, bytes);
      if (v3?.encryptedSessionKey !== undefined) return fitting(algorithm, this.#decrypt(algorithm, v3.encryptedSessionKey, v3.paramS));
      if (v2 === undefined) return undefined;
      const material = decode(h235.KeySyncMaterial, unpadded(this.#decrypt(algorithm, v2.encryptedData, v2.paramS)));
      return fitting(algorithm, material.keyMaterial.bytes);
    } catch {
      return undefined;
    }
  }

  #key({ keyLength }: MediaAlgorithm): Buffer {
    return this.#secret.subarray(-keyLength);
  }

  #encrypt(algorithm: MediaAlgorithm, plain: Uint8Array): Uint8Array {
    const whole = plain.length % 16 === 0 ? plain : padded(plain);
    const cipher = createCipheriv(algorithm.cipher, this.#key(algorithm), Buffer.alloc(16)).setAutoPadding(false);
    return Buffer.concat([cipher.update(whole), cipher.final()]);
  }

  #decrypt(
    algorithm: MediaAlgorithm,
    encrypted: Uint8Array,
    { iv16, iv }: { readonly iv16?: Uint8Array; readonly iv?: Uint8Array },
  ): Buffer {
    const start = iv16 ?? (iv?.length === 16 ? iv : Buffer.alloc(16));
    const decipher = createDecipheriv(algorithm.cipher, this.#key(algorithm), start).setAutoPadding(false);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  }
}

function padded(plain: Uint8Array): Uint8Array {
  const missing = 16 - (plain.length % 16);
  return Buffer.concat([plain, Buffer.alloc(missing, missing)]);
}

/** Without the padding of RFC 2315; as it is where there is none. */
function unpadded(plain: Buffer): Buffer {
  const last = plain.at(-1) ?? 0;
  return last >= 1 && last <= 16 && last <= plain.length ? plain.subarray(0, -last) : plain;
}

/** AES-192's key of 24 octets is sent as two blocks: what is beyond the key is padding. */
function fitting({ keyLength }: MediaAlgorithm, key: Uint8Array): Uint8Array | undefined {
  return key.length >= keyLength && key.length < keyLength + 16 ? Uint8Array.from(key.subarray(0, keyLength)) : undefined;
}

/** One side's half of the exchange. Makes its keys only when they are asked for: a call without tokens costs nothing. */
export class KeyExchange {
  readonly #halves = new Map<Group, Half>();

  /** Caller: tokens for Setup. */
  offer(): ClearToken[] {
    return [...GROUPS.map((group) => this.#token(group)), { tokenOID: VERSION_3 }];
  }

  /** Callee: takes the strongest group of Setup's tokens. Tokens for the answer, and the secret; undefined when there is nothing in common. */
  answer(tokens: readonly ClearToken[]): { readonly tokens: ClearToken[]; readonly secret: SharedSecret } | undefined {
    for (const group of GROUPS) {
      const secret = this.#secret(group, tokens);
      if (secret !== undefined) return { tokens: [this.#token(group), { tokenOID: VERSION_3 }], secret };
    }
    return undefined;
  }

  /** Caller: the secret, by the tokens of the answer; only groups that were offered count. */
  answered(tokens: readonly ClearToken[]): SharedSecret | undefined {
    for (const group of this.#halves.keys()) {
      const secret = this.#secret(group, tokens);
      if (secret !== undefined) return secret;
    }
    return undefined;
  }

  #half(group: Group): Half {
    const half = this.#halves.get(group) ?? makeHalf(group);
    this.#halves.set(group, half);
    return half;
  }

  #token(group: Group): ClearToken {
    const half = this.#half(group);
    // The group is known by its token. Of 1024 bits older endpoints want to see prime and generator, the latter as long as the prime.
    const said = group.name === "modp2";
    const prime = said ? bits(half.prime) : NOTHING;
    const generator = said ? bits(atLength(half.generator, group.octets)) : NOTHING;
    return { tokenOID: group.oid, dhkey: { halfkey: bits(atLength(half.publicKey, group.octets)), modSize: prime, generator } };
  }

  #secret(group: Group, tokens: readonly ClearToken[]): SharedSecret | undefined {
    const token = tokens.find(({ tokenOID, dhkey }) => tokenOID === group.oid && dhkey !== undefined);
    const theirs = token?.dhkey?.halfkey;
    if (theirs === undefined || theirs.length > group.octets * 8 || theirs.length === 0) return undefined;
    const half = this.#half(group);
    const { modSize } = token!.dhkey!;
    // Another prime than the group's could be one that hides nothing.
    if (modSize.length > 0 && !half.prime.equals(Buffer.from(modSize.bytes))) return undefined;
    try {
      const secret = atLength(half.secret(theirs.bytes), group.octets);
      return new SharedSecret(
        group,
        secret,
        tokens.some(({ tokenOID }) => tokenOID === VERSION_3),
      );
    } catch {
      return undefined; // 0, 1, or as great as the prime: no half key
    }
  }
}

/** Our half of one group. `secret` throws for what is no half key: 0, 1, or as great as the prime. */
interface Half {
  readonly prime: Buffer;
  readonly generator: Buffer;
  readonly publicKey: Buffer;
  secret(theirs: Uint8Array): Buffer;
}

/** Of 1024 bits: twice what the group withstands. */
const PRIVATE_OCTETS = 32;
let shared: DiffieHellman | undefined;

/**
 * OpenSSL knows the group of 2048 bits, and has its keys in half a millisecond. That of 1024 bits it examines anew for every object, for 50 ms: there one object serves
 * all calls, each with a private key of its own.
 */
function makeHalf({ name }: Group): Half {
  if (name === "modp14") {
    const half = getDiffieHellman(name);
    const publicKey = half.generateKeys();
    return { prime: half.getPrime(), generator: half.getGenerator(), publicKey, secret: (theirs) => half.computeSecret(theirs) };
  }
  if (shared === undefined) {
    const known = getDiffieHellman(name);
    shared = createDiffieHellman(known.getPrime(), known.getGenerator());
  }
  const group = shared;
  const privateKey = randomBytes(PRIVATE_OCTETS);
  group.setPrivateKey(privateKey);
  return {
    prime: group.getPrime(),
    generator: group.getGenerator(),
    publicKey: group.generateKeys(),
    secret: (theirs) => {
      group.setPrivateKey(privateKey);
      return group.computeSecret(theirs);
    },
  };
}

function atLength(bytes: Buffer, octets: number): Buffer {
  return bytes.length >= octets ? bytes : Buffer.concat([Buffer.alloc(octets - bytes.length), bytes]);
}

/** The cipher of an object identifier. */
export function algorithmOf(oid: string | undefined): MediaAlgorithm | undefined {
  return [AES_128, AES_192, AES_256].find((algorithm) => algorithm.oid === oid);
}
