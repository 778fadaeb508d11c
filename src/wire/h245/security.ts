import { bitString, choice, ia5String, integer, octetString, oid, optional as opt, sequence, sequenceOf, size } from "../per/index.ts";
import { NonStandardParameter, u8 } from "./common.ts";
import { GenericCapability, GenericParameter } from "./generic.ts";

const text = ia5String(size(1, 65535));
export const DTLSSecurityCapability = sequence(
  { hashFunction: sequenceOf(text), setupInformation: opt(text), connectionInformation: opt(text), fingerprint: opt(text) },
  {},
);

export const MediaEncryptionAlgorithm = choice({ nonStandard: NonStandardParameter, algorithm: oid }, {});

/** H.235.6: which ciphers a terminal has for media. */
export const EncryptionAuthenticationAndIntegrity = sequence(
  {
    encryptionCapability: opt(sequenceOf(MediaEncryptionAlgorithm, size(1, 256))),
    authenticationCapability: opt(sequence({ nonStandard: opt(NonStandardParameter) }, { antiSpamAlgorithm: opt(oid) })),
    integrityCapability: opt(sequence({ nonStandard: opt(NonStandardParameter) }, {})),
  },
  { genericH235SecurityCapability: opt(GenericCapability), dtlsSecurityCapability: opt(DTLSSecurityCapability) },
);

/** The media key: `h235Key` holds an H235Key of H.235.0, encoded by itself. */
export const EncryptionSync = sequence(
  {
    nonStandard: opt(NonStandardParameter),
    synchFlag: u8,
    h235Key: octetString(size(1, 65535)),
    escrowentry: opt(sequenceOf(sequence({ escrowID: oid, escrowValue: bitString(size(1, 65535)) }, {}), size(1, 256))),
  },
  { genericParameter: opt(GenericParameter) },
);

/** Initialisation vectors of encrypted user input. */
export const Params = sequence({ iv8: opt(octetString(size(8))), iv16: opt(octetString(size(16))), iv: opt(octetString()) }, {});

export const H235SecurityCapability = sequence(
  { encryptionAuthenticationAndIntegrity: EncryptionAuthenticationAndIntegrity, mediaCapability: integer(1, 65535) },
  {},
);
