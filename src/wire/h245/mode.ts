import { boolean, choice, integer, nul, optional as opt, sequence, sequenceOf, size } from "../per/index.ts";
import { G729Extensions, GSMAudioCapability, g723AnnexCAudioMode } from "./audio.ts";
import { adaptationLayerType, EncryptionMode, MultiplexedStreamParameter } from "./channel.ts";
import { LogicalChannelNumber, NonStandardParameter, SequenceNumber, u32 } from "./common.ts";
import { nlpid, t38fax } from "./data.ts";
import { DataProtocolCapability, GenericCapability, unmodelled } from "./generic.ts";
import { RedundancyEncodingMethod } from "./multiplex.ts";
import { EncryptionAuthenticationAndIntegrity } from "./security.ts";
import { EnhancementLayerInfo, H263Options } from "./video.ts";

const rates = {
  videoBitRate: opt(integer(0, 1073741823)),
  vbvBufferSize: opt(integer(0, 262143)),
  samplesPerLine: opt(integer(0, 16383)),
  linesPerFrame: opt(integer(0, 16383)),
};

export const VideoMode = choice(
  {
    nonStandard: NonStandardParameter,
    h261VideoMode: sequence(
      { resolution: choice({ qcif: nul, cif: nul }), bitRate: integer(1, 19200), stillImageTransmission: boolean },
      {},
    ),
    h262VideoMode: sequence(
      {
        profileAndLevel: choice(
          {
            "profileAndLevel-SPatML": nul,
            "profileAndLevel-MPatLL": nul,
            "profileAndLevel-MPatML": nul,
            "profileAndLevel-MPatH-14": nul,
            "profileAndLevel-MPatHL": nul,
            "profileAndLevel-SNRatLL": nul,
            "profileAndLevel-SNRatML": nul,
            "profileAndLevel-SpatialatH-14": nul,
            "profileAndLevel-HPatML": nul,
            "profileAndLevel-HPatH-14": nul,
            "profileAndLevel-HPatHL": nul,
          },
          {},
        ),
        ...rates,
        framesPerSecond: opt(integer(0, 15)),
        luminanceSampleRate: opt(u32),
      },
      {},
    ),
    h263VideoMode: sequence(
      {
        resolution: choice({ sqcif: nul, qcif: nul, cif: nul, cif4: nul, cif16: nul }, { custom: nul }),
        bitRate: integer(1, 19200),
        unrestrictedVector: boolean,
        arithmeticCoding: boolean,
        advancedPrediction: boolean,
        pbFrames: boolean,
      },
      { errorCompensation: boolean, enhancementLayerInfo: opt(EnhancementLayerInfo), h263Options: opt(H263Options) },
    ),
    is11172VideoMode: sequence(
      { constrainedBitstream: boolean, ...rates, pictureRate: opt(integer(0, 15)), luminanceSampleRate: opt(u32) },
      {},
    ),
  },
  { genericVideoMode: GenericCapability },
);

const layers = choice({ audioLayer1: nul, audioLayer2: nul, audioLayer3: nul });
const stereo = { singleChannel: nul, twoChannelStereo: nul, twoChannelDual: nul };
const frames = integer(1, 256);

export const AudioMode = choice(
  {
    nonStandard: NonStandardParameter,
    g711Alaw64k: nul,
    g711Alaw56k: nul,
    g711Ulaw64k: nul,
    g711Ulaw56k: nul,
    "g722-64k": nul,
    "g722-56k": nul,
    "g722-48k": nul,
    g728: nul,
    g729: nul,
    g729AnnexA: nul,
    g7231: choice({
      noSilenceSuppressionLowRate: nul,
      noSilenceSuppressionHighRate: nul,
      silenceSuppressionLowRate: nul,
      silenceSuppressionHighRate: nul,
    }),
    is11172AudioMode: sequence(
      {
        audioLayer: layers,
        audioSampling: choice({ audioSampling32k: nul, audioSampling44k1: nul, audioSampling48k: nul }),
        multichannelType: choice(stereo),
        bitRate: integer(1, 448),
      },
      {},
    ),
    is13818AudioMode: sequence(
      {
        audioLayer: layers,
        audioSampling: choice({
          audioSampling16k: nul,
          audioSampling22k05: nul,
          audioSampling24k: nul,
          audioSampling32k: nul,
          audioSampling44k1: nul,
          audioSampling48k: nul,
        }),
        multichannelType: choice({
          ...stereo,
          "threeChannels2-1": nul,
          "threeChannels3-0": nul,
          "fourChannels2-0-2-0": nul,
          "fourChannels2-2": nul,
          "fourChannels3-1": nul,
          "fiveChannels3-0-2-0": nul,
          "fiveChannels3-2": nul,
        }),
        lowFrequencyEnhancement: boolean,
        multilingual: boolean,
        bitRate: integer(1, 1130),
      },
      {},
    ),
  },
  {
    g729wAnnexB: frames,
    g729AnnexAwAnnexB: frames,
    g7231AnnexCMode: sequence({ "maxAl-sduAudioFrames": frames, silenceSuppression: boolean, g723AnnexCAudioMode }, {}),
    gsmFullRate: GSMAudioCapability,
    gsmHalfRate: GSMAudioCapability,
    gsmEnhancedFullRate: GSMAudioCapability,
    genericAudioMode: GenericCapability,
    g729Extensions: G729Extensions,
    vbd: unmodelled,
  },
);

export const DataMode = sequence(
  {
    application: choice(
      {
        nonStandard: NonStandardParameter,
        t120: DataProtocolCapability,
        "dsm-cc": DataProtocolCapability,
        userData: DataProtocolCapability,
        t84: DataProtocolCapability,
        t434: DataProtocolCapability,
        h224: DataProtocolCapability,
        nlpid,
        dsvdControl: nul,
        h222DataPartitioning: DataProtocolCapability,
      },
      { t30fax: DataProtocolCapability, t140: DataProtocolCapability, t38fax, genericDataMode: GenericCapability, dataChannel: unmodelled },
    ),
    bitRate: u32,
  },
  {},
);

const media = { nonStandard: NonStandardParameter, videoMode: VideoMode, audioMode: AudioMode, dataMode: DataMode };

export const ModeElement = sequence(
  {
    type: choice(
      { ...media, encryptionMode: EncryptionMode },
      {
        h235Mode: sequence(
          { encryptionAuthenticationAndIntegrity: EncryptionAuthenticationAndIntegrity, mediaMode: choice(media, {}) },
          {},
        ),
        multiplexedStreamMode: MultiplexedStreamParameter,
        redundancyEncodingDTMode: unmodelled,
        multiplePayloadStreamMode: unmodelled,
        depFecMode: unmodelled,
        fecMode: unmodelled,
      },
    ),
    h223ModeParameters: opt(sequence({ adaptationLayerType, segmentableFlag: boolean }, {})),
  },
  {
    v76ModeParameters: opt(choice({ suspendResumewAddress: nul, suspendResumewoAddress: nul }, {})),
    h2250ModeParameters: opt(
      sequence(
        {
          redundancyEncodingMode: opt(
            sequence(
              {
                redundancyEncodingMethod: RedundancyEncodingMethod,
                secondaryEncoding: opt(choice({ nonStandard: NonStandardParameter, audioData: AudioMode }, {})),
              },
              {},
            ),
          ),
        },
        {},
      ),
    ),
    genericModeParameters: opt(GenericCapability),
    multiplexedStreamModeParameters: opt(sequence({ logicalChannelNumber: LogicalChannelNumber }, {})),
    logicalChannelNumber: opt(LogicalChannelNumber),
  },
);

/** H.245 6.2.10.1: asks the other side to send in one of these modes, most wanted first. */
export const RequestMode = sequence(
  { sequenceNumber: SequenceNumber, requestedModes: sequenceOf(sequenceOf(ModeElement, size(1, 256)), size(1, 256)) },
  {},
);
export const RequestModeAck = sequence(
  {
    sequenceNumber: SequenceNumber,
    response: choice({ willTransmitMostPreferredMode: nul, willTransmitLessPreferredMode: nul }, {}),
  },
  {},
);
export const RequestModeReject = sequence(
  {
    sequenceNumber: SequenceNumber,
    cause: choice({ modeUnavailable: nul, multipointConstraint: nul, requestDenied: nul }, {}),
  },
  {},
);
export const RequestModeRelease = sequence({}, {});
