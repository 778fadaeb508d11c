import {
  type Additions,
  boolean,
  choice,
  generalString,
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
} from "../per/index.ts";
import { MultiplePayloadStream } from "./channel.ts";
import { LogicalChannelNumber, NonStandardIdentifier, NonStandardParameter, SequenceNumber, u8, u16, u32 } from "./common.ts";
import { GenericMessage } from "./generic.ts";
import { aal5, TransportCapability } from "./multiplex.ts";
import { EncryptionSync, Params } from "./security.ts";

// Master/slave determination, round trip, maintenance loops: H.245 6.2.7, 6.2.11, 6.2.12.
export const MasterSlaveDetermination = sequence({ terminalType: u8, statusDeterminationNumber: integer(0, 16777215) }, {});
export const MasterSlaveDeterminationAck = sequence({ decision: choice({ master: nul, slave: nul }) }, {});
export const MasterSlaveDeterminationReject = sequence({ cause: choice({ identicalNumbers: nul }, {}) }, {});
export const MasterSlaveDeterminationRelease = sequence({}, {});
export const RoundTripDelayRequest = sequence({ sequenceNumber: SequenceNumber }, {});
export const RoundTripDelayResponse = sequence({ sequenceNumber: SequenceNumber }, {});
const loop = choice({ systemLoop: nul, mediaLoop: LogicalChannelNumber, logicalChannelLoop: LogicalChannelNumber }, {});
export const MaintenanceLoopRequest = sequence({ type: loop }, {});
export const MaintenanceLoopAck = sequence({ type: loop }, {});
export const MaintenanceLoopReject = sequence({ type: loop, cause: choice({ canNotPerformLoop: nul }, {}) }, {});
export const MaintenanceLoopOffCommand = sequence({}, {});

// H.223 multiplex entries: not of H.323, but in the root of requests and responses.
interface MultiplexElement {
  readonly type: { readonly logicalChannelNumber?: number; readonly subElementList?: readonly MultiplexElement[] };
  readonly repeatCount: { readonly finite?: number; readonly untilClosingFlag?: true };
  readonly $more?: Additions;
}
const MultiplexElement: Type<MultiplexElement> = lazy(() =>
  sequence({
    type: choice({ logicalChannelNumber: u16, subElementList: sequenceOf(MultiplexElement, size(2, 255)) }),
    repeatCount: choice({ finite: integer(1, 65535), untilClosingFlag: nul }),
  }),
);
const entry = integer(1, 15);
const entries = sequenceOf(entry, size(1, 15));
export const MultiplexEntrySend = sequence(
  {
    sequenceNumber: SequenceNumber,
    multiplexEntryDescriptors: sequenceOf(
      sequence({ multiplexTableEntryNumber: entry, elementList: opt(sequenceOf(MultiplexElement, size(1, 256))) }),
      size(1, 15),
    ),
  },
  {},
);
export const MultiplexEntrySendAck = sequence({ sequenceNumber: SequenceNumber, multiplexTableEntryNumber: entries }, {});
export const MultiplexEntrySendReject = sequence(
  {
    sequenceNumber: SequenceNumber,
    rejectionDescriptions: sequenceOf(
      sequence({ multiplexTableEntryNumber: entry, cause: choice({ unspecifiedCause: nul, descriptorTooComplex: nul }, {}) }, {}),
      size(1, 15),
    ),
  },
  {},
);
export const MultiplexEntrySendRelease = sequence({ multiplexTableEntryNumber: entries }, {});
export const RequestMultiplexEntry = sequence({ entryNumbers: entries }, {});
export const RequestMultiplexEntryAck = sequence({ entryNumbers: entries }, {});
export const RequestMultiplexEntryReject = sequence(
  {
    entryNumbers: entries,
    rejectionDescriptions: sequenceOf(
      sequence({ multiplexTableEntryNumber: entry, cause: choice({ unspecifiedCause: nul }, {}) }, {}),
      size(1, 15),
    ),
  },
  {},
);
export const RequestMultiplexEntryRelease = sequence({ entryNumbers: entries }, {});

// Bit rates.
const scope = choice({ logicalChannelNumber: LogicalChannelNumber, resourceID: u16, wholeMultiplex: nul });
/** H.245 6.2.13.5: the most the other side may send, in units of 100 bit/s. */
export const FlowControlCommand = sequence(
  { scope, restriction: choice({ maximumBitRate: integer(0, 16777215), noRestriction: nul }) },
  {},
);
const rateRequest = { sequenceNumber: SequenceNumber, logicalChannelNumber: LogicalChannelNumber };
export const LogicalChannelRateRequest = sequence({ ...rateRequest, maximumBitRate: u32 }, {});
export const LogicalChannelRateReject = sequence(
  { ...rateRequest, rejectReason: choice({ undefinedReason: nul, insufficientResources: nul }, {}), currentMaximumBitRate: opt(u32) },
  {},
);
export const LogicalChannelRateRelease = sequence({}, {});

export const EncryptionCommand = choice(
  {
    encryptionSE: octetString(),
    encryptionIVRequest: nul,
    encryptionAlgorithmID: sequence({ h233AlgorithmIdentifier: SequenceNumber, associatedAlgorithm: NonStandardParameter }),
  },
  {},
);

export const EndSessionCommand = choice(
  {
    nonStandard: NonStandardParameter,
    disconnect: nul,
    gstnOptions: choice({ telephonyMode: nul, v8bis: nul, v34DSVD: nul, v34DuplexFAX: nul, v34H324: nul }, {}),
  },
  {
    isdnOptions: choice({ telephonyMode: nul, v140: nul, terminalOnHold: nul }, {}),
    genericInformation: sequenceOf(GenericMessage),
  },
);

const macroblocks = { firstMB: integer(1, 9216), numberOfMBs: integer(1, 9216) };
const PictureReference = choice({ pictureNumber: integer(0, 1023), longTermPictureIndex: u8 }, {});

/** H.245 6.2.13.7: key frames asked for, freezes, media on and off, key updates. */
export const MiscellaneousCommand = sequence(
  {
    logicalChannelNumber: LogicalChannelNumber,
    type: choice(
      {
        equaliseDelay: nul,
        zeroDelay: nul,
        multipointModeCommand: nul,
        cancelMultipointModeCommand: nul,
        videoFreezePicture: nul,
        videoFastUpdatePicture: nul,
        videoFastUpdateGOB: sequence({ firstGOB: integer(0, 17), numberOfGOBs: integer(1, 18) }),
        videoTemporalSpatialTradeOff: integer(0, 31),
        videoSendSyncEveryGOB: nul,
        videoSendSyncEveryGOBCancel: nul,
      },
      {
        videoFastUpdateMB: sequence({ firstGOB: opt(u8), firstMB: opt(integer(1, 8192)), numberOfMBs: integer(1, 8192) }, {}),
        maxH223MUXPDUsize: integer(1, 65535),
        encryptionUpdate: EncryptionSync,
        encryptionUpdateRequest: sequence(
          {
            keyProtectionMethod: opt(sequence({ secureChannel: boolean, sharedSecret: boolean, certProtectedKey: boolean }, {})),
          },
          { synchFlag: opt(u8) },
        ),
        switchReceiveMediaOff: nul,
        switchReceiveMediaOn: nul,
        progressiveRefinementStart: sequence(
          {
            repeatCount: choice(
              {
                doOneProgression: nul,
                doContinuousProgressions: nul,
                doOneIndependentProgression: nul,
                doContinuousIndependentProgressions: nul,
              },
              {},
            ),
          },
          {},
        ),
        progressiveRefinementAbortOne: nul,
        progressiveRefinementAbortContinuous: nul,
        videoBadMBs: sequence({ ...macroblocks, temporalReference: integer(0, 1023) }, {}),
        lostPicture: sequenceOf(PictureReference),
        lostPartialPicture: sequence({ pictureReference: PictureReference, ...macroblocks }, {}),
        recoveryReferencePicture: sequenceOf(PictureReference),
        encryptionUpdateCommand: sequence({ encryptionSync: EncryptionSync, multiplePayloadStream: opt(MultiplePayloadStream) }, {}),
        encryptionUpdateAck: sequence({ synchFlag: u8 }, {}),
      },
    ),
  },
  { direction: opt(choice({ masterToSlave: nul, slaveToMaster: nul }, {})) },
);

export const MiscellaneousIndication = sequence(
  {
    logicalChannelNumber: LogicalChannelNumber,
    type: choice(
      {
        logicalChannelActive: nul,
        logicalChannelInactive: nul,
        multipointConference: nul,
        cancelMultipointConference: nul,
        multipointZeroComm: nul,
        cancelMultipointZeroComm: nul,
        multipointSecondaryStatus: nul,
        cancelMultipointSecondaryStatus: nul,
        videoIndicateReadyToActivate: nul,
        videoTemporalSpatialTradeOff: integer(0, 31),
      },
      {
        videoNotDecodedMBs: sequence({ firstMB: integer(1, 8192), numberOfMBs: integer(1, 8192), temporalReference: u8 }, {}),
        transportCapability: TransportCapability,
      },
    ),
  },
  {},
);

export const JitterIndication = sequence(
  {
    scope,
    estimatedReceivedJitterMantissa: integer(0, 3),
    estimatedReceivedJitterExponent: integer(0, 7),
    skippedFrameCount: opt(integer(0, 15)),
    additionalDecoderBuffer: opt(integer(0, 262143)),
  },
  {},
);
const skewed = { logicalChannelNumber1: LogicalChannelNumber, logicalChannelNumber2: LogicalChannelNumber };
export const H223SkewIndication = sequence({ ...skewed, skew: integer(0, 4095) }, {});
export const H2250MaximumSkewIndication = sequence({ ...skewed, maximumSkew: integer(0, 4095) }, {});

export const VendorIdentification = sequence(
  { vendor: NonStandardIdentifier, productNumber: opt(octetString(size(1, 256))), versionNumber: opt(octetString(size(1, 256))) },
  {},
);

const atmMultiplex = choice({ noMultiplex: nul, transportStream: nul, programStream: nul }, {});
const atmRate = { bitRate: integer(1, 65535), bitRateLockedToPCRClock: boolean, bitRateLockedToNetworkClock: boolean };
export const NewATMVCIndication = sequence(
  {
    resourceID: u16,
    ...atmRate,
    aal: choice(
      {
        aal1: sequence(
          {
            clockRecovery: choice({ nullClockRecovery: nul, srtsClockRecovery: nul, adaptiveClockRecovery: nul }, {}),
            errorCorrection: choice(
              { nullErrorCorrection: nul, longInterleaver: nul, shortInterleaver: nul, errorCorrectionOnly: nul },
              {},
            ),
            structuredDataTransfer: boolean,
            partiallyFilledCells: boolean,
          },
          {},
        ),
        aal5,
      },
      {},
    ),
    multiplex: atmMultiplex,
  },
  { reverseParameters: sequence({ ...atmRate, multiplex: atmMultiplex }, {}) },
);

const encryptedText = { algorithmOID: oid, paramS: opt(Params), encrypted: octetString() };

/** H.245 6.2.14.6: digits and text of the user. `signal` is a key pressed, `alphanumeric` text of which each character is one. */
export const UserInputIndication = choice(
  { nonStandard: NonStandardParameter, alphanumeric: generalString },
  {
    userInputSupportIndication: choice(
      { nonStandard: NonStandardParameter, basicString: nul, iA5String: nul, generalString: nul },
      { encryptedBasicString: nul, encryptedIA5String: nul, encryptedGeneralString: nul },
    ),
    signal: sequence(
      {
        signalType: ia5String(size(1), "0123456789#*ABCD!"),
        duration: opt(integer(1, 65535)),
        rtp: opt(sequence({ timestamp: opt(u32), expirationTime: opt(u32), logicalChannelNumber: LogicalChannelNumber }, {})),
      },
      { rtpPayloadIndication: opt(nul), paramS: opt(Params), encryptedSignalType: opt(octetString(size(1))), algorithmOID: opt(oid) },
    ),
    signalUpdate: sequence({ duration: integer(1, 65535), rtp: opt(sequence({ logicalChannelNumber: LogicalChannelNumber }, {})) }, {}),
    extendedAlphanumeric: sequence(
      { alphanumeric: generalString, rtpPayloadIndication: opt(nul) },
      { encryptedAlphanumeric: opt(sequence(encryptedText, {})) },
    ),
    encryptedAlphanumeric: sequence(encryptedText, {}),
    genericInformation: sequenceOf(GenericMessage),
  },
);
export type UserInputIndication = Infer<typeof UserInputIndication>;
