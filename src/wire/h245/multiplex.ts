import { boolean, choice, integer, nul, oid, optional as opt, sequence, sequenceOf, size } from "../per/index.ts";
import { NonStandardParameter, Q2931Address, u8, u16 } from "./common.ts";
import { DataApplicationCapability } from "./data.ts";
import { GenericCapability, unmodelled } from "./generic.ts";

const rate32 = opt(integer(1, 4294967295));

const aal1 = {
  nullClockRecovery: boolean,
  srtsClockRecovery: boolean,
  adaptiveClockRecovery: boolean,
  nullErrorCorrection: boolean,
  longInterleaver: boolean,
  shortInterleaver: boolean,
  errorCorrectionOnly: boolean,
  structuredDataTransfer: boolean,
  partiallyFilledCells: boolean,
};
export const aal5 = sequence({ forwardMaximumSDUSize: u16, backwardMaximumSDUSize: u16 }, {});

const VCCapability = sequence(
  {
    aal1: opt(sequence(aal1, {})),
    aal5: opt(aal5),
    transportStream: boolean,
    programStream: boolean,
    availableBitRates: sequence(
      {
        type: choice({
          singleBitRate: integer(1, 65535),
          rangeOfBitRates: sequence({ lowerBitRate: integer(1, 65535), higherBitRate: integer(1, 65535) }),
        }),
      },
      {},
    ),
  },
  { aal1ViaGateway: opt(sequence({ gatewayAddress: sequenceOf(Q2931Address, size(1, 256)), ...aal1 }, {})) },
);
export const H222Capability = sequence({ numberOfVCs: integer(1, 256), vcCapability: sequenceOf(VCCapability) }, {});

const H223AnnexCCapability = sequence(
  {
    videoWithAL1M: boolean,
    videoWithAL2M: boolean,
    videoWithAL3M: boolean,
    audioWithAL1M: boolean,
    audioWithAL2M: boolean,
    audioWithAL3M: boolean,
    dataWithAL1M: boolean,
    dataWithAL2M: boolean,
    dataWithAL3M: boolean,
    alpduInterleaving: boolean,
    maximumAL1MPDUSize: u16,
    maximumAL2MSDUSize: u16,
    maximumAL3MSDUSize: u16,
  },
  { rsCodeCapability: opt(boolean) },
);

export const H223Capability = sequence(
  {
    "transportWithI-frames": boolean,
    videoWithAL1: boolean,
    videoWithAL2: boolean,
    videoWithAL3: boolean,
    audioWithAL1: boolean,
    audioWithAL2: boolean,
    audioWithAL3: boolean,
    dataWithAL1: boolean,
    dataWithAL2: boolean,
    dataWithAL3: boolean,
    maximumAl2SDUSize: u16,
    maximumAl3SDUSize: u16,
    maximumDelayJitter: integer(0, 1023),
    h223MultiplexTableCapability: choice({
      basic: nul,
      enhanced: sequence(
        { maximumNestingDepth: integer(1, 15), maximumElementListSize: integer(2, 255), maximumSubElementListSize: integer(2, 255) },
        {},
      ),
    }),
  },
  {
    maxMUXPDUSizeCapability: boolean,
    nsrpSupport: boolean,
    mobileOperationTransmitCapability: opt(
      sequence(
        {
          modeChangeCapability: boolean,
          h223AnnexA: boolean,
          h223AnnexADoubleFlag: boolean,
          h223AnnexB: boolean,
          h223AnnexBwithHeader: boolean,
        },
        {},
      ),
    ),
    h223AnnexCCapability: opt(H223AnnexCCapability),
    bitRate: opt(integer(1, 19200)),
    mobileMultilinkFrameCapability: opt(sequence({ maximumSampleSize: integer(1, 255), maximumPayloadLength: integer(1, 65025) }, {})),
  },
);

export const V76Capability = sequence(
  {
    suspendResumeCapabilitywAddress: boolean,
    suspendResumeCapabilitywoAddress: boolean,
    rejCapability: boolean,
    sREJCapability: boolean,
    mREJCapability: boolean,
    crc8bitCapability: boolean,
    crc16bitCapability: boolean,
    crc32bitCapability: boolean,
    uihCapability: boolean,
    numOfDLCS: integer(2, 8191),
    twoOctetAddressFieldCapability: boolean,
    loopBackTestCapability: boolean,
    n401Capability: integer(1, 4095),
    maxWindowSizeCapability: integer(1, 127),
    v75Capability: sequence({ audioHeader: boolean }, {}),
  },
  {},
);

const MediaDistributionCapability = sequence(
  {
    centralizedControl: boolean,
    distributedControl: boolean,
    centralizedAudio: boolean,
    distributedAudio: boolean,
    centralizedVideo: boolean,
    distributedVideo: boolean,
    centralizedData: opt(sequenceOf(DataApplicationCapability)),
    distributedData: opt(sequenceOf(DataApplicationCapability)),
  },
  {},
);
export const MultipointCapability = sequence(
  { multicastCapability: boolean, multiUniCastConference: boolean, mediaDistributionCapability: sequenceOf(MediaDistributionCapability) },
  {},
);

export const RTPPayloadType = sequence(
  {
    payloadDescriptor: choice({ nonStandardIdentifier: NonStandardParameter, "rfc-number": integer(1, 32768, true), oid }, {}),
    payloadType: opt(integer(0, 127)),
  },
  {},
);

/** Quality of service. chan_ooh323 cannot decode a transport capability that has one: never send it. */
export const QOSCapability = sequence(
  {
    nonStandardData: opt(NonStandardParameter),
    rsvpParameters: opt(
      sequence(
        {
          qosMode: opt(choice({ guaranteedQOS: nul, controlledLoad: nul }, {})),
          tokenRate: rate32,
          bucketSize: rate32,
          peakRate: rate32,
          minPoliced: rate32,
          maxPktSize: rate32,
        },
        {},
      ),
    ),
    atmParameters: opt(
      sequence({ maxNTUSize: u16, atmUBR: boolean, atmrtVBR: boolean, atmnrtVBR: boolean, atmABR: boolean, atmCBR: boolean }, {}),
    ),
  },
  {
    localQoS: opt(boolean),
    genericTransportParameters: opt(
      sequence(
        { nonStandardData: opt(NonStandardParameter), averageRate: rate32, burst: rate32, peakRate: rate32, maxPktSize: rate32 },
        {},
      ),
    ),
    servicePriority: opt(
      sequence(
        {
          nonStandardData: opt(NonStandardParameter),
          servicePrioritySignalled: boolean,
          servicePriorityValue: opt(sequence({ nonStandardParameter: opt(NonStandardParameter) }, { value: u8 })),
        },
        { serviceClass: opt(integer(0, 4095)), serviceSubclass: opt(u8) },
      ),
    ),
    authorizationParameter: opt(sequence({ nonStandardData: opt(NonStandardParameter) }, {})),
    qosDescriptor: opt(
      sequence(
        {
          nonStandardData: opt(NonStandardParameter),
          qosType: choice({ desired: nul, required: nul }, {}),
          qosClass: choice({ class0: nul, class1: nul, class2: nul, class3: nul, class4: nul, class5: nul }, {}),
        },
        {},
      ),
    ),
    dscpValue: opt(integer(0, 63)),
  },
);

export const TransportCapability = sequence(
  {
    nonStandard: opt(NonStandardParameter),
    qOSCapabilities: opt(sequenceOf(QOSCapability, size(1, 256))),
    mediaChannelCapabilities: opt(
      sequenceOf(
        sequence(
          {
            mediaTransport: opt(
              choice(
                { "ip-UDP": nul, "ip-TCP": nul, "atm-AAL5-UNIDIR": nul, "atm-AAL5-BIDIR": nul },
                {
                  "atm-AAL5-compressed": sequence({ "variable-delta": boolean }, {}),
                  sctp: unmodelled,
                  "udp-dtls-sctp": unmodelled,
                  "tcp-dtls-sctp": unmodelled,
                  "sctp-dtls": unmodelled,
                },
              ),
            ),
          },
          {},
        ),
        size(1, 256),
      ),
    ),
  },
  {},
);

const RTPH263VideoRedundancyEncoding = sequence(
  {
    numberOfThreads: integer(1, 16),
    framesBetweenSyncPoints: integer(1, 256),
    frameToThreadMapping: choice(
      {
        roundrobin: nul,
        custom: sequenceOf(sequence({ threadNumber: integer(0, 15), frameSequence: sequenceOf(u8, size(1, 256)) }, {}), size(1, 256)),
      },
      {},
    ),
    containedThreads: opt(sequenceOf(integer(0, 15), size(1, 256))),
  },
  {},
);
export const RedundancyEncodingMethod = choice(
  { nonStandard: NonStandardParameter, rtpAudioRedundancyEncoding: nul },
  { rtpH263VideoRedundancyEncoding: RTPH263VideoRedundancyEncoding },
);
export const RedundancyEncodingCapability = sequence(
  {
    redundancyEncodingMethod: RedundancyEncodingMethod,
    primaryEncoding: integer(1, 65535),
    secondaryEncoding: opt(sequenceOf(integer(1, 65535), size(1, 256))),
  },
  {},
);

/** What H.323 terminals say of their multiplex: RTP, conferencing, jitter. */
export const H2250Capability = sequence(
  {
    maximumAudioDelayJitter: integer(0, 1023),
    receiveMultipointCapability: MultipointCapability,
    transmitMultipointCapability: MultipointCapability,
    receiveAndTransmitMultipointCapability: MultipointCapability,
    mcCapability: sequence({ centralizedConferenceMC: boolean, decentralizedConferenceMC: boolean }, {}),
    rtcpVideoControlCapability: boolean,
    mediaPacketizationCapability: sequence(
      { h261aVideoPacketization: boolean },
      { rtpPayloadType: opt(sequenceOf(RTPPayloadType, size(1, 256))) },
    ),
  },
  {
    transportCapability: opt(TransportCapability),
    redundancyEncodingCapability: opt(sequenceOf(RedundancyEncodingCapability, size(1, 256))),
    logicalChannelSwitchingCapability: boolean,
    t120DynamicPortCapability: boolean,
  },
);

export const MultiplexCapability = choice(
  { nonStandard: NonStandardParameter, h222Capability: H222Capability, h223Capability: H223Capability, v76Capability: V76Capability },
  { h2250Capability: H2250Capability, genericMultiplexCapability: GenericCapability },
);

export const MultiplexFormat = choice(
  { nonStandard: NonStandardParameter, h222Capability: H222Capability, h223Capability: H223Capability },
  {},
);
