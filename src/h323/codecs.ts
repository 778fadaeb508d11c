import type { AudioCapability, Capability, ControlMessage, TerminalCapabilitySet } from "../wire/h245/index.ts";
import { H245_VERSION } from "../wire/h245/index.ts";

/** Audio codecs that calls use, by RTP encoding name. */
export type AudioCodec = "PCMU" | "PCMA" | "G722" | "G729" | "GSM" | "G723";

/** A codec with the most that one packet may carry. */
export interface AudioFormat {
  readonly codec: AudioCodec;
  /** Most milliseconds of audio in a packet. */
  readonly maxPtime: number;
}

interface Codec {
  /** RTP payload type, RFC 3551 table 4. */
  readonly payloadType: number;
  /** Milliseconds of one unit in which H.245 counts packets (H.225.0 annex B: G.711 and G.722 count milliseconds). */
  readonly unit: number;
  compose(units: number): AudioCapability;
  /** Units, or undefined when the capability is another codec's. */
  read(capability: AudioCapability): number | undefined;
}

const CODECS: Readonly<Record<AudioCodec, Codec>> = {
  PCMU: { payloadType: 0, unit: 1, compose: (g711Ulaw64k) => ({ g711Ulaw64k }), read: (c) => c.g711Ulaw64k },
  PCMA: { payloadType: 8, unit: 1, compose: (g711Alaw64k) => ({ g711Alaw64k }), read: (c) => c.g711Alaw64k },
  G722: { payloadType: 9, unit: 1, compose: (n) => ({ "g722-64k": n }), read: (c) => c["g722-64k"] },
  G729: {
    payloadType: 18,
    unit: 10,
    compose: (g729) => ({ g729 }),
    read: (c) => c.g729 ?? c.g729AnnexA ?? c.g729wAnnexB ?? c.g729AnnexAwAnnexB,
  },
  GSM: {
    payloadType: 3,
    unit: 20,
    compose: (n) => ({ gsmFullRate: { audioUnitSize: Math.min(256, n * 33), comfortNoise: false, scrambled: false } }),
    read: (c) => (c.gsmFullRate === undefined ? undefined : Math.max(1, Math.floor(c.gsmFullRate.audioUnitSize / 33))),
  },
  G723: {
    payloadType: 4,
    unit: 30,
    compose: (n) => ({ g7231: { "maxAl-sduAudioFrames": n, silenceSuppression: false } }),
    read: (c) => c.g7231?.["maxAl-sduAudioFrames"],
  },
};

/** Static RTP payload type of a codec. */
export function payloadTypeOf(codec: AudioCodec): number {
  return CODECS[codec].payloadType;
}

export function composeAudio({ codec, maxPtime }: AudioFormat): AudioCapability {
  const { unit, compose } = CODECS[codec];
  return compose(Math.max(1, Math.floor(maxPtime / unit)));
}

/** The codec of a capability or channel, undefined when we have no name for it. */
export function readAudio(capability: AudioCapability | undefined): AudioFormat | undefined {
  if (capability === undefined) return undefined;
  for (const [codec, { unit, read }] of Object.entries(CODECS) as [AudioCodec, Codec][]) {
    const units = read(capability);
    if (units !== undefined) return { codec, maxPtime: units * unit };
  }
  return undefined;
}

/** How digits can be sent to a peer. */
export type UserInputWay = "rfc2833" | "signal" | "alphanumeric" | "keypad";

/** What we can do. Codecs in order of preference. */
export interface LocalCapabilities {
  readonly audio: readonly AudioFormat[];
  /** Payload type on which RFC 4733 events are wanted; undefined for not at all. */
  readonly telephoneEvent: number | undefined;
  readonly userInput: readonly ("signal" | "alphanumeric")[];
}

/** What the peer said it can do. */
export interface RemoteCapabilities {
  /** Codecs it can receive, in the order of its table. */
  readonly audio: readonly AudioFormat[];
  /** Payload type on which it wants RFC 4733 events. */
  readonly telephoneEvent: number | undefined;
  readonly userInput: ReadonlySet<"signal" | "alphanumeric">;
  /** Video of any codec was offered. */
  readonly video: boolean;
}

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

/**
 * Our TerminalCapabilitySet; without capabilities the empty set of H.323 8.4.6 (pause). Alternatives of audio are one set, digits another:
 * all together can be used at once. Has no transport capability: chan_ooh323 cannot decode quality of service there.
 */
export function composeCapabilities(local: LocalCapabilities | undefined, sequenceNumber: number): TerminalCapabilitySet {
  const head = { sequenceNumber, protocolIdentifier: H245_VERSION };
  if (local === undefined) return head;
  const audio: Capability[] = local.audio.map((format) => ({ receiveAudioCapability: composeAudio(format) }));
  const other: Capability[] = [];
  if (local.userInput.includes("alphanumeric")) other.push({ receiveAndTransmitUserInputCapability: { basicString: true } });
  if (local.userInput.includes("signal")) other.push({ receiveAndTransmitUserInputCapability: { dtmf: true } });
  if (local.telephoneEvent !== undefined)
    other.push({ receiveRTPAudioTelephonyEventCapability: { dynamicRTPPayloadType: local.telephoneEvent, audioTelephoneEvent: "0-16" } });
  const numbers = audio.map((_, i) => i + 1);
  const sets = [...(numbers.length > 0 ? [numbers] : []), ...other.map((_, i) => [numbers.length + i + 1])];
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
        mediaPacketizationCapability: { h261aVideoPacketization: false },
        logicalChannelSwitchingCapability: false,
        t120DynamicPortCapability: false,
      },
    },
    capabilityTable: [...audio, ...other].map((capability, i) => ({ capabilityTableEntryNumber: i + 1, capability })),
    capabilityDescriptors: [{ capabilityDescriptorNumber: 0, simultaneousCapabilities: sets }],
  };
}

/** Whether a set is the empty one: no table, or a table of nothing. */
export function isEmptySet(set: TerminalCapabilitySet): boolean {
  return (set.capabilityTable ?? []).every((entry) => entry.capability === undefined);
}

/** Reads what a peer can receive. Capabilities we have no name for are passed over. */
export function readCapabilities(set: TerminalCapabilitySet): RemoteCapabilities {
  const audio: AudioFormat[] = [];
  const userInput = new Set<"signal" | "alphanumeric">();
  let telephoneEvent: number | undefined;
  let video = false;
  for (const { capability } of set.capabilityTable ?? []) {
    if (capability === undefined) continue;
    const format = readAudio(capability.receiveAudioCapability ?? capability.receiveAndTransmitAudioCapability);
    if (format !== undefined && !audio.some((a) => a.codec === format.codec)) audio.push(format);
    const input = capability.receiveUserInputCapability ?? capability.receiveAndTransmitUserInputCapability;
    if (input?.basicString || input?.iA5String || input?.generalString) userInput.add("alphanumeric");
    if (input?.dtmf) userInput.add("signal");
    telephoneEvent = capability.receiveRTPAudioTelephonyEventCapability?.dynamicRTPPayloadType ?? telephoneEvent;
    if (capability.receiveVideoCapability !== undefined || capability.receiveAndTransmitVideoCapability !== undefined) video = true;
  }
  return { audio, telephoneEvent, userInput, video };
}

/** Name of a control message, for logs: `request.openLogicalChannel`. */
export function controlName(message: ControlMessage): string {
  const [kind, inner] = Object.entries(message)[0] ?? ["unknown", {}];
  return `${kind}.${Object.keys((inner ?? {}) as object)[0] ?? "?"}`;
}
