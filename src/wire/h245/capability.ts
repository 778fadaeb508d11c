import { boolean, choice, type Infer, integer, nul, oid, optional as opt, sequence, sequenceOf, size } from "../per/index.ts";
import { AudioCapability, AudioTelephonyEventCapability, AudioToneCapability } from "./audio.ts";
import { NonStandardParameter, SequenceNumber, u8 } from "./common.ts";
import { DataApplicationCapability } from "./data.ts";
import { GenericCapability, GenericInformation, unmodelled } from "./generic.ts";
import { MultiplexCapability, MultiplexFormat, RedundancyEncodingCapability } from "./multiplex.ts";
import { H235SecurityCapability } from "./security.ts";
import { VideoCapability } from "./video.ts";

export const CapabilityTableEntryNumber = integer(1, 65535);
/** Entries of which one at a time can be used. */
export const AlternativeCapabilitySet = sequenceOf(CapabilityTableEntryNumber, size(1, 256));

export const MultiplexedStreamCapability = sequence(
  {
    multiplexFormat: MultiplexFormat,
    controlOnMuxStream: boolean,
    capabilityOnMuxStream: opt(sequenceOf(AlternativeCapabilitySet, size(1, 256))),
  },
  {},
);

export const UserInputCapability = choice(
  {
    nonStandard: sequenceOf(NonStandardParameter, size(1, 16)),
    basicString: nul,
    iA5String: nul,
    generalString: nul,
    dtmf: nul,
    hookflash: nul,
  },
  {
    extendedAlphanumeric: nul,
    encryptedBasicString: nul,
    encryptedIA5String: nul,
    encryptedGeneralString: nul,
    secureDTMF: nul,
    genericUserInputCapability: GenericCapability,
  },
);

/** One thing a terminal can receive, transmit or both. */
export const Capability = choice(
  {
    nonStandard: NonStandardParameter,
    receiveVideoCapability: VideoCapability,
    transmitVideoCapability: VideoCapability,
    receiveAndTransmitVideoCapability: VideoCapability,
    receiveAudioCapability: AudioCapability,
    transmitAudioCapability: AudioCapability,
    receiveAndTransmitAudioCapability: AudioCapability,
    receiveDataApplicationCapability: DataApplicationCapability,
    transmitDataApplicationCapability: DataApplicationCapability,
    receiveAndTransmitDataApplicationCapability: DataApplicationCapability,
    h233EncryptionTransmitCapability: boolean,
    h233EncryptionReceiveCapability: sequence({ h233IVResponseTime: u8 }, {}),
  },
  {
    conferenceCapability: sequence(
      { nonStandardData: opt(sequenceOf(NonStandardParameter)), chairControlCapability: boolean },
      { videoIndicateMixingCapability: boolean, multipointVisualizationCapability: opt(boolean) },
    ),
    h235SecurityCapability: H235SecurityCapability,
    maxPendingReplacementFor: u8,
    receiveUserInputCapability: UserInputCapability,
    transmitUserInputCapability: UserInputCapability,
    receiveAndTransmitUserInputCapability: UserInputCapability,
    genericControlCapability: GenericCapability,
    receiveMultiplexedStreamCapability: MultiplexedStreamCapability,
    transmitMultiplexedStreamCapability: MultiplexedStreamCapability,
    receiveAndTransmitMultiplexedStreamCapability: MultiplexedStreamCapability,
    receiveRTPAudioTelephonyEventCapability: AudioTelephonyEventCapability,
    receiveRTPAudioToneCapability: AudioToneCapability,
    depFecCapability: unmodelled,
    multiplePayloadStreamCapability: sequence({ capabilities: sequenceOf(AlternativeCapabilitySet, size(1, 256)) }, {}),
    fecCapability: unmodelled,
    redundancyEncodingCap: RedundancyEncodingCapability,
    oneOfCapabilities: AlternativeCapabilitySet,
  },
);
export type Capability = Infer<typeof Capability>;

export const CapabilityTableEntry = sequence({ capabilityTableEntryNumber: CapabilityTableEntryNumber, capability: opt(Capability) });
export const CapabilityDescriptor = sequence({
  capabilityDescriptorNumber: u8,
  simultaneousCapabilities: opt(sequenceOf(AlternativeCapabilitySet, size(1, 256))),
});

/** H.245 6.2.8.1: what a terminal can do. Without table and descriptors it is the empty set of H.323 8.4.6: pause. */
export const TerminalCapabilitySet = sequence(
  {
    sequenceNumber: SequenceNumber,
    protocolIdentifier: oid,
    multiplexCapability: opt(MultiplexCapability),
    capabilityTable: opt(sequenceOf(CapabilityTableEntry, size(1, 256))),
    capabilityDescriptors: opt(sequenceOf(CapabilityDescriptor, size(1, 256))),
  },
  { genericInformation: GenericInformation },
);
export type TerminalCapabilitySet = Infer<typeof TerminalCapabilitySet>;

export const TerminalCapabilitySetAck = sequence({ sequenceNumber: SequenceNumber }, { genericInformation: GenericInformation });
export const TerminalCapabilitySetReject = sequence(
  {
    sequenceNumber: SequenceNumber,
    cause: choice(
      {
        unspecified: nul,
        undefinedTableEntryUsed: nul,
        descriptorCapacityExceeded: nul,
        tableEntryCapacityExceeded: choice({ highestEntryNumberProcessed: CapabilityTableEntryNumber, noneProcessed: nul }),
      },
      {},
    ),
  },
  { genericInformation: GenericInformation },
);
export const TerminalCapabilitySetRelease = sequence({}, { genericInformation: GenericInformation });

export const SendTerminalCapabilitySet = choice(
  {
    specificRequest: sequence(
      {
        multiplexCapability: boolean,
        capabilityTableEntryNumbers: opt(sequenceOf(CapabilityTableEntryNumber, size(1, 65535))),
        capabilityDescriptorNumbers: opt(sequenceOf(u8, size(1, 256))),
      },
      {},
    ),
    genericRequest: nul,
  },
  {},
);
