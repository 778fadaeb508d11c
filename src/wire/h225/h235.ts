import {
  anyInteger,
  bitString,
  bmpString,
  boolean,
  choice,
  type Infer,
  integer,
  nul,
  octetString,
  oid,
  openType,
  optional as opt,
  sequence,
  sequenceOf,
  size,
  type Type,
} from "../per/index.ts";

// H235-SECURITY-MESSAGES (H.235.0, 09/2005): tokens that RAS and call signalling carry.

export const TimeStamp = integer(1, 4294967295);
const Identifier = bmpString(size(1, 128));
const NonStandardParameter = sequence({ nonStandardIdentifier: oid, data: octetString() });
const curve = bitString(size(0, 511));
const ECpoint = sequence({ x: opt(curve), y: opt(curve) }, {});
const TypedCertificate = sequence({ type: oid, certificate: octetString() }, {});

export const Params = sequence(
  { ranInt: opt(anyInteger), iv8: opt(octetString(size(8))) },
  { iv16: opt(octetString(size(16))), iv: opt(octetString()), clearSalt: opt(octetString()) },
);

/** ENCRYPTED{}: what was encrypted is known only to who has the key. */
export const Encrypted = sequence({ algorithmOID: oid, paramS: Params, encryptedData: octetString() });
/** HASHED{}: the hash; what was hashed stands elsewhere or is known to both. */
export const Hashed = sequence({ algorithmOID: oid, paramS: Params, hash: bitString() });
/** SIGNED{}: the thing itself as an open type, and its signature. */
const signed = <T>(type: Type<T>) => sequence({ toBeSigned: openType(type), algorithmOID: oid, paramS: Params, signature: bitString() });

/** Diffie-Hellman half key and group, H.235.6 10.2. */
export const DHset = sequence(
  { halfkey: bitString(size(0, 2048)), modSize: bitString(size(0, 2048)), generator: bitString(size(0, 2048)) },
  {},
);

const KeySignedMaterial = sequence({
  generalId: Identifier,
  mrandom: anyInteger,
  srandom: opt(anyInteger),
  timeStamp: opt(TimeStamp),
  encrptval: Encrypted,
});
const V3KeySyncMaterial = sequence(
  {
    generalID: opt(Identifier),
    algorithmOID: opt(oid),
    paramS: Params,
    encryptedSessionKey: opt(octetString()),
    encryptedSaltingKey: opt(octetString()),
    clearSaltingKey: opt(octetString()),
    paramSsalt: opt(Params),
    keyDerivationOID: opt(oid),
  },
  { genericKeyMaterial: opt(octetString()) },
);

/** A session key on its way, H.235.0: in a ClearToken, or encoded by itself in H.245's EncryptionSync. */
export const H235Key = choice(
  { secureChannel: bitString(size(1, 2048)), sharedSecret: Encrypted, certProtectedKey: signed(KeySignedMaterial) },
  { secureSharedSecret: V3KeySyncMaterial },
);
/** What `sharedSecret` encrypts. */
export const KeySyncMaterial = sequence({ generalID: Identifier, keyMaterial: bitString(size(1, 2048)) }, {});

const ProfileElement = sequence(
  {
    elementID: integer(0, 255),
    paramS: opt(Params),
    element: opt(choice({ octets: octetString(), integer: anyInteger, bits: bitString(), name: bmpString(), flag: boolean }, {})),
  },
  {},
);

const elliptic = { base: ECpoint, weierstrassA: curve, weierstrassB: curve };

/** A token in the clear: who, when, Diffie-Hellman keys, certificates. */
export const ClearToken = sequence(
  {
    tokenOID: oid,
    timeStamp: opt(TimeStamp),
    password: opt(bmpString(size(1, 128))),
    dhkey: opt(DHset),
    challenge: opt(octetString(size(8, 128))),
    random: opt(anyInteger),
    certificate: opt(TypedCertificate),
    generalID: opt(Identifier),
    nonStandard: opt(NonStandardParameter),
  },
  {
    eckasdhkey: opt(
      choice(
        {
          eckasdhp: sequence({ "public-key": ECpoint, modulus: curve, ...elliptic }),
          eckasdh2: sequence({ "public-key": ECpoint, fieldSize: curve, ...elliptic }),
        },
        {},
      ),
    ),
    sendersID: opt(Identifier),
    h235Key: opt(H235Key),
    profileInfo: opt(sequenceOf(ProfileElement)),
  },
);
export type ClearToken = Infer<typeof ClearToken>;

/** A token whose truth a key proves: hashed (H.235.1), signed, encrypted. */
export const CryptoToken = choice(
  {
    cryptoEncryptedToken: sequence({ tokenOID: oid, token: Encrypted }),
    cryptoSignedToken: sequence({ tokenOID: oid, token: signed(ClearToken) }),
    cryptoHashedToken: sequence({ tokenOID: oid, hashedVals: ClearToken, token: Hashed }),
    cryptoPwdEncr: Encrypted,
  },
  {},
);
export const SignedClearToken = signed(ClearToken);

export const AuthenticationMechanism = choice(
  { dhExch: nul, pwdSymEnc: nul, pwdHash: nul, certSign: nul, ipsec: nul, tls: nul, nonStandard: NonStandardParameter },
  { authenticationBES: choice({ default: nul, radius: nul }, {}), keyExch: oid },
);
