import type { Capability, TerminalCapabilitySet, VideoCapability } from "../../wire/h245/index.ts";
import { H245_VERSION } from "../../wire/h245/index.ts";
import { type AudioFormat, composeAudio, readAudio, sameAudio } from "./codecs.ts";
import { booleanArray, isGeneric, numberOf, OID, parametersOf } from "./generic.ts";
import { composeH264, readH264Profiles, type VideoFormat } from "./h264.ts";

/** How digits can be sent to a peer. */
export type UserInputWay = "rfc2833" | "signal" | "alphanumeric" | "keypad";

/** What we can do. Codecs in order of preference. */
export interface LocalCapabilities {
  readonly audio: readonly AudioFormat[];
  /** Payload type on which RFC 4733 events are wanted; undefined for not at all. */
  readonly telephoneEvent: number | undefined;
  readonly userInput: readonly ("signal" | "alphanumeric")[];
  /** The camera's picture. */
  readonly video?: readonly VideoFormat[];
  /** H.239's presentation. */
  readonly content?: readonly VideoFormat[];
  /** Payload type of H.224, for far-end camera control (H.281). */
  readonly camera?: number;
}

/** What the peer said it can do. */
export interface RemoteCapabilities {
  /** Codecs it can receive, in the order of its table. */
  readonly audio: readonly AudioFormat[];
  /** Payload type on which it wants RFC 4733 events. */
  readonly telephoneEvent: number | undefined;
  readonly userInput: ReadonlySet<"signal" | "alphanumeric">;
  /** Pictures it can receive, of codecs we have a name for. */
  readonly video: readonly VideoFormat[];
  /** Presentations it can receive (H.239); empty without H.239's own capability. */
  readonly content: readonly VideoFormat[];
  /** It has H.239's own capability: its messages are for it. */
  readonly presents: boolean;
  /** It takes H.224 over RTP. */
  readonly camera: boolean;
  /** Names of the picture codecs that it has said, known to us or not. */
  readonly pictures: readonly string[];
}

/** H.239 table 1, parameter 1 of the extended video capability: what the picture is. */
const ROLE_LABEL = 1;
const PRESENTATION_ROLE = 1;

/** H.224 runs at no more than this; in units of 100 bit/s. */
const H224_RATE = 64;

const NO_MULTIPOINT = { multicastCapability: false, multiUniCastConference: false, mediaDistributionCapability: [] } as const;
const CENTRALIZED = {
  multicastCapability: false,
  multiUniCastConference: false,
  mediaDistributionCapability: [
    {
      centralizedControl: false,
      distributedControl: false,
      centralizedAudio: false,
      distributedAudio: false,
      centralizedVideo: false,
      distributedVideo: false,
    },
  ],
} as const;

/** A picture in the role of a presentation (H.239 6.2). */
export function composeContent(format: VideoFormat): VideoCapability {
  return {
    extendedVideoCapability: {
      videoCapability: [composeH264(format)],
      videoCapabilityExtension: [
        { capabilityIdentifier: { standard: OID.h239Video }, collapsing: [booleanArray(ROLE_LABEL, PRESENTATION_ROLE)] },
      ],
    },
  };
}

/** Presentations in an extended capability; a role label that is missing is taken for presentation, as some senders leave it out. */
export function readContent(capability: VideoCapability | undefined): VideoFormat[] {
  const extended = capability?.extendedVideoCapability;
  const role = extended?.videoCapabilityExtension?.find((c) => isGeneric(c, OID.h239Video));
  if (extended === undefined || role === undefined) return [];
  if (((numberOf(parametersOf(role), ROLE_LABEL) ?? PRESENTATION_ROLE) & PRESENTATION_ROLE) === 0) return [];
  return extended.videoCapability.flatMap((c) => readH264Profiles(c as VideoCapability));
}

/** H.224 as an application (H.323 annex Q). */
export const composeCamera = () => ({
  application: { genericDataCapability: { capabilityIdentifier: { standard: OID.h224 }, maxBitRate: H224_RATE } },
  maxBitRate: H224_RATE,
});

/** Whether an application is H.224, by annex Q's name or the older one. */
export function isCamera(data: Capability["receiveDataApplicationCapability"]): boolean {
  return isGeneric(data?.application.genericDataCapability, OID.h224) || data?.application.h224 !== undefined;
}

/** H.241 table 8-11: how H.264 is cut into packets. */
export const PACKETIZATIONS = [OID.h264SingleNal, OID.h264NonInterleaved] as const;

/**
 * Our TerminalCapabilitySet; without capabilities the empty set of H.323 8.4.6 (pause). Alternatives of audio are one set, of video another, and
 * so on: all together can be used at once. Has no transport capability: chan_ooh323 cannot decode quality of service there.
 */
export function composeCapabilities(local: LocalCapabilities | undefined, sequenceNumber: number): TerminalCapabilitySet {
  const head = { sequenceNumber, protocolIdentifier: H245_VERSION };
  if (local === undefined) return head;
  const { audio, video = [], content = [], userInput, telephoneEvent, camera } = local;
  const groups: Capability[][] = [
    audio.map((format) => ({ receiveAudioCapability: composeAudio(format) })),
    video.map((format) => ({ receiveVideoCapability: composeH264(format) })),
    content.map((format) => ({ receiveVideoCapability: composeContent(format) })),
    camera === undefined ? [] : [{ receiveAndTransmitDataApplicationCapability: composeCamera() }],
    content.length === 0 ? [] : [{ genericControlCapability: { capabilityIdentifier: { standard: OID.h239Control } } }],
    userInput.includes("alphanumeric") ? [{ receiveAndTransmitUserInputCapability: { basicString: true } }] : [],
    userInput.includes("signal") ? [{ receiveAndTransmitUserInputCapability: { dtmf: true } }] : [],
    telephoneEvent === undefined
      ? []
      : [{ receiveRTPAudioTelephonyEventCapability: { dynamicRTPPayloadType: telephoneEvent, audioTelephoneEvent: "0-16" } }],
  ];
  let number = 0;
  const sets = groups.filter((group) => group.length > 0).map((group) => group.map(() => ++number));
  const modes = PACKETIZATIONS.filter((_, mode) => [...video, ...content].some((f) => f.packetization.includes(mode as 0 | 1)));
  return {
    ...head,
    multiplexCapability: {
      h2250Capability: {
        maximumAudioDelayJitter: 60,
        receiveMultipointCapability: NO_MULTIPOINT,
        transmitMultipointCapability: NO_MULTIPOINT,
        receiveAndTransmitMultipointCapability: CENTRALIZED,
        mcCapability: { centralizedConferenceMC: false, decentralizedConferenceMC: false },
        rtcpVideoControlCapability: false,
        mediaPacketizationCapability: {
          h261aVideoPacketization: false,
          ...(modes.length > 0 ? { rtpPayloadType: modes.map((oid) => ({ payloadDescriptor: { oid } })) } : {}),
        },
        logicalChannelSwitchingCapability: false,
        t120DynamicPortCapability: false,
      },
    },
    capabilityTable: groups.flat().map((capability, i) => ({ capabilityTableEntryNumber: i + 1, capability })),
    capabilityDescriptors: [{ capabilityDescriptorNumber: 0, simultaneousCapabilities: sets }],
  };
}

/**
 * Whether a set is the empty one of H.323 8.4.6, which says nothing of capabilities. One that takes entries away is
 * not.
 */
export function isEmptySet(set: TerminalCapabilitySet): boolean {
  return (set.capabilityTable ?? []).length === 0 && (set.capabilityDescriptors ?? []).length === 0;
}

const isMedia = ({ capability }: TableEntry): boolean =>
  Object.keys(capability ?? {}).some((name) => /(Audio|Video|DataApplication)Capability$/.test(name));
type TableEntry = NonNullable<TerminalCapabilitySet["capabilityTable"]>[number];

/**
 * What a set comes to after the ones `before` it (H.245 7.2.1): an entry without a capability takes away that of its
 * number, one with a capability replaces it. A set with a
 * table and descriptors of its own is taken for the whole, as most who change theirs send it; descriptors alone say
 * which of the entries are meant.
 */
export function revised(before: TerminalCapabilitySet | undefined, set: TerminalCapabilitySet): TerminalCapabilitySet {
  const given = (set.capabilityTable ?? []).filter(({ capability }) => capability !== undefined);
  const descriptors = set.capabilityDescriptors ?? [];
  if (before === undefined || (given.length > 0 && descriptors.length > 0)) return { ...set, capabilityTable: given };
  const said = new Set((set.capabilityTable ?? []).map((entry) => entry.capabilityTableEntryNumber));
  const table = [...(before.capabilityTable ?? []).filter((entry) => !said.has(entry.capabilityTableEntryNumber)), ...given];
  const named = new Set(descriptors.flatMap(({ simultaneousCapabilities = [] }) => simultaneousCapabilities.flat()));
  const meant = named.size === 0 ? table : table.filter((entry) => named.has(entry.capabilityTableEntryNumber) || !isMedia(entry));
  return { ...before, ...set, capabilityTable: meant };
}

/** Reads what a peer can receive. Capabilities we have no name for are passed over. */
export function readCapabilities(set: TerminalCapabilitySet): RemoteCapabilities {
  const audio: AudioFormat[] = [];
  const video: VideoFormat[] = [];
  const content: VideoFormat[] = [];
  const userInput = new Set<"signal" | "alphanumeric">();
  let telephoneEvent: number | undefined;
  let presents = false;
  let camera = false;
  const pictures = new Set<string>();
  const descriptors = set.multiplexCapability?.h2250Capability?.mediaPacketizationCapability.rtpPayloadType ?? [];
  const modes = ([0, 1] as const).filter((mode) => descriptors.some((d) => d.payloadDescriptor.oid === PACKETIZATIONS[mode]));
  // H.241 8.3.1: who says nothing takes single NAL units.
  const packetization = modes.length > 0 ? modes : ([0] as const);
  for (const { capability } of set.capabilityTable ?? []) {
    if (capability === undefined) continue;
    const format = readAudio(capability.receiveAudioCapability ?? capability.receiveAndTransmitAudioCapability);
    if (format !== undefined && !audio.some((a) => sameAudio(a, format))) audio.push(format);
    const input = capability.receiveUserInputCapability ?? capability.receiveAndTransmitUserInputCapability;
    if (input?.basicString || input?.iA5String || input?.generalString) userInput.add("alphanumeric");
    if (input?.dtmf) userInput.add("signal");
    telephoneEvent = capability.receiveRTPAudioTelephonyEventCapability?.dynamicRTPPayloadType ?? telephoneEvent;
    const picture = capability.receiveVideoCapability ?? capability.receiveAndTransmitVideoCapability;
    for (const h264 of readH264Profiles(picture)) video.push({ ...h264, packetization });
    if (picture !== undefined && picture.extendedVideoCapability === undefined) pictures.add(pictureName(picture));
    for (const shown of readContent(picture)) content.push({ ...shown, packetization });
    if (isGeneric(capability.genericControlCapability, OID.h239Control)) presents = true;
    if (isCamera(capability.receiveDataApplicationCapability ?? capability.receiveAndTransmitDataApplicationCapability)) camera = true;
  }
  return { audio, telephoneEvent, userInput, video, content: presents ? content : [], presents, camera, pictures: [...pictures] };
}

/** As people call it: `H.263`; a codec without a type of its own by its identifier. */
function pictureName(capability: VideoCapability): string {
  const generic = capability.genericVideoCapability?.capabilityIdentifier.standard;
  if (generic !== undefined) return generic === OID.h264 ? "H.264" : generic;
  const [name = "unknown"] = Object.keys(capability);
  return /^h26\d/.test(name) ? `H.${name.slice(1, 4)}` : name.replace("VideoCapability", "");
}
