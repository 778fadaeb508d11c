import { boolean, choice, contents, generalString, type Infer, integer, optional as opt, sequence } from "../per/index.ts";
import { NonStandardParameter } from "./common.ts";
import { GenericCapability } from "./generic.ts";

/** Most frames (or milliseconds, by codec: G.711 and G.722 count milliseconds) in a packet. */
const frames = integer(1, 256);

export const IS11172AudioCapability = sequence(
  {
    audioLayer1: boolean,
    audioLayer2: boolean,
    audioLayer3: boolean,
    audioSampling32k: boolean,
    audioSampling44k1: boolean,
    audioSampling48k: boolean,
    singleChannel: boolean,
    twoChannels: boolean,
    bitRate: integer(1, 448),
  },
  {},
);

export const IS13818AudioCapability = sequence(
  {
    audioLayer1: boolean,
    audioLayer2: boolean,
    audioLayer3: boolean,
    audioSampling16k: boolean,
    audioSampling22k05: boolean,
    audioSampling24k: boolean,
    audioSampling32k: boolean,
    audioSampling44k1: boolean,
    audioSampling48k: boolean,
    singleChannel: boolean,
    twoChannels: boolean,
    "threeChannels2-1": boolean,
    "threeChannels3-0": boolean,
    "fourChannels2-0-2-0": boolean,
    "fourChannels2-2": boolean,
    "fourChannels3-1": boolean,
    "fiveChannels3-0-2-0": boolean,
    "fiveChannels3-2": boolean,
    lowFrequencyEnhancement: boolean,
    multilingual: boolean,
    bitRate: integer(1, 1130),
  },
  {},
);

export const g723AnnexCAudioMode = sequence(
  {
    highRateMode0: integer(27, 78),
    highRateMode1: integer(27, 78),
    lowRateMode0: integer(23, 66),
    lowRateMode1: integer(23, 66),
    sidMode0: integer(6, 17),
    sidMode1: integer(6, 17),
  },
  {},
);
export const GSMAudioCapability = sequence({ audioUnitSize: integer(1, 256), comfortNoise: boolean, scrambled: boolean }, {});
export const G729Extensions = sequence(
  {
    audioUnit: opt(integer(1, 256)),
    annexA: boolean,
    annexB: boolean,
    annexD: boolean,
    annexE: boolean,
    annexF: boolean,
    annexG: boolean,
    annexH: boolean,
  },
  {},
);

const root = {
  nonStandard: NonStandardParameter,
  g711Alaw64k: frames,
  g711Alaw56k: frames,
  g711Ulaw64k: frames,
  g711Ulaw56k: frames,
  "g722-64k": frames,
  "g722-56k": frames,
  "g722-48k": frames,
  g7231: sequence({ "maxAl-sduAudioFrames": frames, silenceSuppression: boolean }),
  g728: frames,
  g729: frames,
  g729AnnexA: frames,
  is11172AudioCapability: IS11172AudioCapability,
  is13818AudioCapability: IS13818AudioCapability,
};
const additions = {
  g729wAnnexB: frames,
  g729AnnexAwAnnexB: frames,
  g7231AnnexCCapability: sequence(
    { "maxAl-sduAudioFrames": frames, silenceSuppression: boolean, g723AnnexCAudioMode: opt(g723AnnexCAudioMode) },
    {},
  ),
  gsmFullRate: GSMAudioCapability,
  gsmHalfRate: GSMAudioCapability,
  gsmEnhancedFullRate: GSMAudioCapability,
  genericAudioCapability: GenericCapability,
  g729Extensions: G729Extensions,
};

/** Audio inside another audio capability, where no further one nests. */
const PlainAudioCapability = choice(root, additions);

/** Audio codec and packet size. G.722.1 and Opus are generic. */
export const AudioCapability = choice(root, {
  ...additions,
  vbd: sequence({ type: PlainAudioCapability }, {}),
  audioTelephonyEvent: sequence({ audioTelephoneEvent: generalString }, {}),
  audioTone: sequence({}, {}),
  extendedAudioCapability: contents,
});
export type AudioCapability = Infer<typeof AudioCapability>;

/** RFC 4733 events on a payload type of their own: the SDP-like list of events, for example `0-16`. */
export const AudioTelephonyEventCapability = sequence({ dynamicRTPPayloadType: integer(96, 127), audioTelephoneEvent: generalString }, {});
export const AudioToneCapability = sequence({ dynamicRTPPayloadType: integer(96, 127) }, {});
