import { boolean, choice, type Infer, integer, nul, octetString, optional as opt, sequence, sequenceOf } from "../per/index.ts";
import { AudioCapability } from "./audio.ts";
import { LogicalChannelNumber, NetworkAccessParameters, NonStandardParameter, TerminalLabel, TransportAddress, u8, u16 } from "./common.ts";
import { DataApplicationCapability } from "./data.ts";
import { GenericInformation, unmodelled } from "./generic.ts";
import { MultiplexFormat, QOSCapability, RTPPayloadType, TransportCapability } from "./multiplex.ts";
import { DTLSSecurityCapability, EncryptionAuthenticationAndIntegrity, EncryptionSync } from "./security.ts";
import { VideoCapability } from "./video.ts";

export const EncryptionMode = choice({ nonStandard: NonStandardParameter, h233Encryption: nul }, {});
export const MultiplexedStreamParameter = sequence({ multiplexFormat: MultiplexFormat, controlOnMuxStream: boolean }, {});

/** Media encrypted by H.235.6: ciphers and the codec inside. */
export const H235Media = sequence(
  {
    encryptionAuthenticationAndIntegrity: EncryptionAuthenticationAndIntegrity,
    mediaType: choice(
      { nonStandard: NonStandardParameter, videoData: VideoCapability, audioData: AudioCapability, data: DataApplicationCapability },
      { redundancyEncoding: unmodelled, multiplePayloadStream: unmodelled, depFec: unmodelled, fec: unmodelled },
    ),
  },
  {},
);

/** What a logical channel carries. */
export const DataType = choice(
  {
    nonStandard: NonStandardParameter,
    nullData: nul,
    videoData: VideoCapability,
    audioData: AudioCapability,
    data: DataApplicationCapability,
    encryptionData: EncryptionMode,
  },
  {
    h235Control: NonStandardParameter,
    h235Media: H235Media,
    multiplexedStream: MultiplexedStreamParameter,
    redundancyEncoding: unmodelled,
    multiplePayloadStream: unmodelled,
    depFec: unmodelled,
    fec: unmodelled,
  },
);
export type DataType = Infer<typeof DataType>;

export const MultiplePayloadStream = sequence(
  { elements: sequenceOf(sequence({ dataType: DataType, payloadType: opt(integer(0, 127)) }, {})) },
  {},
);

export const H222LogicalChannelParameters = sequence(
  {
    resourceID: u16,
    subChannelID: integer(0, 8191),
    "pcr-pid": opt(integer(0, 8191)),
    programDescriptors: opt(octetString()),
    streamDescriptors: opt(octetString()),
  },
  {},
);

export const adaptationLayerType = choice(
  {
    nonStandard: NonStandardParameter,
    al1Framed: nul,
    al1NotFramed: nul,
    al2WithoutSequenceNumbers: nul,
    al2WithSequenceNumbers: nul,
    al3: sequence({ controlFieldOctets: integer(0, 2), sendBufferSize: integer(0, 16777215) }),
  },
  { al1M: unmodelled, al2M: unmodelled, al3M: unmodelled },
);
export const H223LogicalChannelParameters = sequence({ adaptationLayerType, segmentableFlag: boolean }, {});

export const V76LogicalChannelParameters = sequence(
  {
    hdlcParameters: sequence(
      {
        crcLength: choice({ crc8bit: nul, crc16bit: nul, crc32bit: nul }, {}),
        n401: integer(1, 4095),
        loopbackTestProcedure: boolean,
      },
      {},
    ),
    suspendResume: choice({ noSuspendResume: nul, suspendResumewAddress: nul, suspendResumewoAddress: nul }, {}),
    uIH: boolean,
    mode: choice(
      {
        eRM: sequence({ windowSize: integer(1, 127), recovery: choice({ rej: nul, sREJ: nul, mSREJ: nul }, {}) }, {}),
        uNERM: nul,
      },
      {},
    ),
    v75Parameters: sequence({ audioHeaderPresent: boolean }, {}),
  },
  {},
);

/** Of an RTP session: where to send, which session, which payload type. */
export const H2250LogicalChannelParameters = sequence(
  {
    nonStandard: opt(sequenceOf(NonStandardParameter)),
    sessionID: u8,
    associatedSessionID: opt(integer(1, 255)),
    mediaChannel: opt(TransportAddress),
    mediaGuaranteedDelivery: opt(boolean),
    mediaControlChannel: opt(TransportAddress),
    mediaControlGuaranteedDelivery: opt(boolean),
    silenceSuppression: opt(boolean),
    destination: opt(TerminalLabel),
    dynamicRTPPayloadType: opt(integer(96, 127)),
    mediaPacketization: opt(choice({ h261aVideoPacketization: nul }, { rtpPayloadType: RTPPayloadType })),
  },
  {
    transportCapability: opt(TransportCapability),
    redundancyEncoding: unmodelled,
    source: opt(TerminalLabel),
    nominalAudioLevel: opt(integer(0, 63)),
  },
);
export type H2250LogicalChannelParameters = Infer<typeof H2250LogicalChannelParameters>;

/** H.245 6.2.9.1: opens a channel from the sender (forward), perhaps one back with it (reverse). */
export const OpenLogicalChannel = sequence(
  {
    forwardLogicalChannelNumber: LogicalChannelNumber,
    forwardLogicalChannelParameters: sequence(
      {
        portNumber: opt(u16),
        dataType: DataType,
        multiplexParameters: choice(
          {
            h222LogicalChannelParameters: H222LogicalChannelParameters,
            h223LogicalChannelParameters: H223LogicalChannelParameters,
            v76LogicalChannelParameters: V76LogicalChannelParameters,
          },
          { h2250LogicalChannelParameters: H2250LogicalChannelParameters, none: nul },
        ),
      },
      { forwardLogicalChannelDependency: opt(LogicalChannelNumber), replacementFor: opt(LogicalChannelNumber) },
    ),
    reverseLogicalChannelParameters: opt(
      sequence(
        {
          dataType: DataType,
          multiplexParameters: opt(
            choice(
              { h223LogicalChannelParameters: H223LogicalChannelParameters, v76LogicalChannelParameters: V76LogicalChannelParameters },
              { h2250LogicalChannelParameters: H2250LogicalChannelParameters },
            ),
          ),
        },
        { reverseLogicalChannelDependency: opt(LogicalChannelNumber), replacementFor: opt(LogicalChannelNumber) },
      ),
    ),
  },
  { separateStack: opt(NetworkAccessParameters), encryptionSync: opt(EncryptionSync), genericInformation: GenericInformation },
);
export type OpenLogicalChannel = Infer<typeof OpenLogicalChannel>;

export const H2250LogicalChannelAckParameters = sequence(
  {
    nonStandard: opt(sequenceOf(NonStandardParameter)),
    sessionID: opt(integer(1, 255)),
    mediaChannel: opt(TransportAddress),
    mediaControlChannel: opt(TransportAddress),
    dynamicRTPPayloadType: opt(integer(96, 127)),
  },
  { flowControlToZero: boolean, portNumber: opt(u16), multiplePayloadStream: unmodelled },
);

export const OpenLogicalChannelAck = sequence(
  {
    forwardLogicalChannelNumber: LogicalChannelNumber,
    reverseLogicalChannelParameters: opt(
      sequence(
        {
          reverseLogicalChannelNumber: LogicalChannelNumber,
          portNumber: opt(u16),
          multiplexParameters: opt(
            choice(
              { h222LogicalChannelParameters: H222LogicalChannelParameters },
              { h2250LogicalChannelParameters: H2250LogicalChannelParameters },
            ),
          ),
        },
        { replacementFor: opt(LogicalChannelNumber) },
      ),
    ),
  },
  {
    separateStack: opt(NetworkAccessParameters),
    forwardMultiplexAckParameters: opt(choice({ h2250LogicalChannelAckParameters: H2250LogicalChannelAckParameters }, {})),
    encryptionSync: opt(EncryptionSync),
    genericInformation: GenericInformation,
    dtlsSecurityCapability: opt(DTLSSecurityCapability),
  },
);
export type OpenLogicalChannelAck = Infer<typeof OpenLogicalChannelAck>;

export const OpenLogicalChannelReject = sequence(
  {
    forwardLogicalChannelNumber: LogicalChannelNumber,
    cause: choice(
      {
        unspecified: nul,
        unsuitableReverseParameters: nul,
        dataTypeNotSupported: nul,
        dataTypeNotAvailable: nul,
        unknownDataType: nul,
        dataTypeALCombinationNotSupported: nul,
      },
      {
        multicastChannelNotAllowed: nul,
        insufficientBandwidth: nul,
        separateStackEstablishmentFailed: nul,
        invalidSessionID: nul,
        masterSlaveConflict: nul,
        waitForCommunicationMode: nul,
        invalidDependentChannel: nul,
        replacementForRejected: nul,
        securityDenied: nul,
        qoSControlNotSupported: nul,
      },
    ),
  },
  { genericInformation: GenericInformation },
);
export type OpenLogicalChannelReject = Infer<typeof OpenLogicalChannelReject>;
export const OpenLogicalChannelConfirm = sequence(
  { forwardLogicalChannelNumber: LogicalChannelNumber },
  { genericInformation: GenericInformation },
);

const closeReason = { networkErrorCode: u8 };
export const CloseLogicalChannel = sequence(
  { forwardLogicalChannelNumber: LogicalChannelNumber, source: choice({ user: nul, lcse: nul }) },
  { reason: choice({ unknown: nul, reopen: nul, reservationFailure: nul }, closeReason) },
);
export const CloseLogicalChannelAck = sequence({ forwardLogicalChannelNumber: LogicalChannelNumber }, {});
export const RequestChannelClose = sequence(
  { forwardLogicalChannelNumber: LogicalChannelNumber },
  {
    qosCapability: opt(QOSCapability),
    reason: choice({ unknown: nul, normal: nul, reopen: nul, reservationFailure: nul }, closeReason),
  },
);
export const RequestChannelCloseAck = sequence({ forwardLogicalChannelNumber: LogicalChannelNumber }, {});
export const RequestChannelCloseReject = sequence(
  { forwardLogicalChannelNumber: LogicalChannelNumber, cause: choice({ unspecified: nul }, {}) },
  {},
);
export const RequestChannelCloseRelease = sequence({ forwardLogicalChannelNumber: LogicalChannelNumber }, {});
