import {
  type Additions,
  choice,
  contents,
  ia5String,
  type Infer,
  integer,
  lazy,
  nul,
  octetString,
  oid,
  optional as opt,
  sequence,
  sequenceOf,
  size,
  type Type,
  type UnknownAlternative,
} from "../per/index.ts";
import { NonStandardParameter, u8, u16, u32 } from "./common.ts";

/** H.245 annexes and other Recommendations name what is generic: H.241 video, G.722.1, Opus, H.239, H.460.x. */
export const CapabilityIdentifier = choice(
  { standard: oid, h221NonStandard: NonStandardParameter, uuid: octetString(size(16)), domainBased: ia5String(size(1, 64)) },
  {},
);
export const ParameterIdentifier = choice(
  { standard: integer(0, 127), h221NonStandard: NonStandardParameter, uuid: octetString(size(16)), domainBased: ia5String(size(1, 64)) },
  {},
);

/** A generic parameter's value; a list of parameters nests. */
export interface ParameterValue {
  readonly logical?: true;
  readonly booleanArray?: number;
  readonly unsignedMin?: number;
  readonly unsignedMax?: number;
  readonly unsigned32Min?: number;
  readonly unsigned32Max?: number;
  readonly octetString?: Uint8Array;
  readonly genericParameter?: readonly GenericParameter[];
  readonly $unknown?: UnknownAlternative;
}
export interface GenericParameter {
  readonly parameterIdentifier: Infer<typeof ParameterIdentifier>;
  readonly parameterValue: ParameterValue;
  readonly supersedes?: readonly Infer<typeof ParameterIdentifier>[];
  readonly $more?: Additions;
}

export const GenericParameter: Type<GenericParameter> = lazy(() =>
  sequence(
    { parameterIdentifier: ParameterIdentifier, parameterValue: ParameterValue, supersedes: opt(sequenceOf(ParameterIdentifier)) },
    {},
  ),
);
export const ParameterValue: Type<ParameterValue> = choice(
  {
    logical: nul,
    booleanArray: u8,
    unsignedMin: u16,
    unsignedMax: u16,
    unsigned32Min: u32,
    unsigned32Max: u32,
    octetString: octetString(),
    genericParameter: sequenceOf(GenericParameter),
  },
  {},
);

const CompressionType = choice(
  { v42bis: sequence({ numberOfCodewords: integer(1, 65536), maximumStringLength: integer(1, 256) }, {}) },
  {},
);

export const DataProtocolCapability = choice(
  {
    nonStandard: NonStandardParameter,
    v14buffered: nul,
    v42lapm: nul,
    hdlcFrameTunnelling: nul,
    h310SeparateVCStack: nul,
    h310SingleVCStack: nul,
    transparent: nul,
  },
  {
    segmentationAndReassembly: nul,
    hdlcFrameTunnelingwSAR: nul,
    v120: nul,
    separateLANStack: nul,
    v76wCompression: choice(
      { transmitCompression: CompressionType, receiveCompression: CompressionType, transmitAndReceiveCompression: CompressionType },
      {},
    ),
    tcp: nul,
    udp: nul,
  },
);

/** Capability by identifier and parameters (H.245 annex; H.241 for H.264). */
export const GenericCapability = sequence(
  {
    capabilityIdentifier: CapabilityIdentifier,
    maxBitRate: opt(u32),
    collapsing: opt(sequenceOf(GenericParameter)),
    nonCollapsing: opt(sequenceOf(GenericParameter)),
    nonCollapsingRaw: opt(octetString()),
    transport: opt(DataProtocolCapability),
  },
  {},
);
export type GenericCapability = Infer<typeof GenericCapability>;

/** H.245 generic request, response, command and indication; H.239 lives in these. */
export const GenericMessage = sequence(
  {
    messageIdentifier: CapabilityIdentifier,
    subMessageIdentifier: opt(integer(0, 127)),
    messageContent: opt(sequenceOf(GenericParameter)),
  },
  {},
);
export type GenericMessage = Infer<typeof GenericMessage>;

export const GenericInformation = opt(sequenceOf(GenericMessage));
/** Extension alternatives that name a type nobody in H.323 sends: kept as octets. */
export const unmodelled = contents;
