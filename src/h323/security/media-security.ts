import type { h235 } from "../../wire/h225/index.ts";
import type {
  Capability,
  ControlMessage,
  OpenLogicalChannel,
  OpenLogicalChannelAck,
  TerminalCapabilitySet,
} from "../../wire/h245/index.ts";
import { isEmptySet, revised } from "../control/capabilities.ts";
import type { ControlEvent } from "../control/types.ts";
import { PayloadCipher } from "./h235-cipher.ts";
import { algorithmOf, KeyExchange, type MediaAlgorithm, type SharedSecret } from "./h235-keys.ts";
import { KeyUpdates, type RekeyedEvent } from "./key-updates.ts";

/** Whether a call's media are encrypted: `preferred` where the peer can, `required` or not at all. */
export type MediaPolicy = "required" | "preferred" | "none";

/** That a channel is encrypted; told before the event that says it is open. */
export interface ProtectedEvent {
  readonly type: "protected";
  readonly direction: "transmit" | "receive";
  readonly channel: number;
  readonly cipher: PayloadCipher;
}

/** What becomes of a message that has come. */
export type Checked =
  /** Goes on to the control machine, as if nothing were encrypted. */
  | { readonly type: "take"; readonly message: ControlMessage }
  /** Is answered here. */
  | { readonly type: "answer"; readonly message: ControlMessage }
  /** The call cannot go on. */
  | { readonly type: "fail"; readonly reason: string };

type EncryptionSync = NonNullable<OpenLogicalChannel["encryptionSync"]>;
type DataType = OpenLogicalChannel["forwardLogicalChannelParameters"]["dataType"];

/** First payload type of encrypted streams, by session; clear of what SDP's dynamic ones usually are. */
const FIRST_PAYLOAD_TYPE = 112;
/** Numbers of security capabilities: that of the medium, and this much. */
const CAPABILITY_OFFSET = 100;
const LAST_CAPABILITY = 65_535;
/** Channels of the peer's whose opening may be under way at once; a call has four. */
const MOST_OPENING = 64;

/**
 * Media encryption of one call by H.235.6, as a filter on its control messages: the machines behind it know of plain channels only. Keys are made by the master, one
 * a channel, and travel under what both sides' tokens in call signalling come to.
 */
export class MediaSecurity {
  #policy: MediaPolicy;
  readonly #random: (count: number) => Uint8Array;
  readonly #exchange = new KeyExchange();
  #answer: h235.ClearToken[] = [];
  #secret: SharedSecret | undefined;
  #master = false;
  /** What the peer's capability sets have come to. */
  #set: TerminalCapabilitySet | undefined;
  /** Ciphers the peer has for a medium, by its name. */
  #remote = new Map<string, ReadonlySet<string>>();
  /** Channels whose opening is under way. */
  readonly #transmit = new Map<
    number,
    { readonly algorithm: MediaAlgorithm; readonly payloadType: number; readonly key: Uint8Array | undefined }
  >();
  readonly #receive = new Map<
    number,
    { readonly algorithm: MediaAlgorithm; readonly payloadType: number; readonly sync: EncryptionSync | undefined }
  >();
  readonly #updates = new KeyUpdates();
  #events: ProtectedEvent[] = [];

  constructor(policy: MediaPolicy, random: (count: number) => Uint8Array) {
    this.#policy = policy;
    this.#random = random;
  }

  /** The policy, where it is known only once the call has come; before its answer. */
  set policy(policy: MediaPolicy) {
    this.#policy = policy;
  }
  get policy(): MediaPolicy {
    return this.#policy;
  }
  /** Both sides have keys in common. */
  get agreed(): boolean {
    return this.#policy !== "none" && this.#secret !== undefined;
  }

  /** The peer's last capability set has named no cipher. */
  get unsaid(): boolean {
    return this.#remote.size === 0;
  }

  /** Channels may be opened in clear at once, as fast connect does. */
  get clear(): boolean {
    return !this.agreed && this.#policy !== "required";
  }

  /** Caller: tokens for Setup; none where nothing is to be encrypted. */
  offer(): readonly h235.ClearToken[] {
    return this.#policy === "none" ? [] : this.#exchange.offer();
  }
  /** Callee: Setup's tokens. */
  offered(tokens: readonly h235.ClearToken[] | undefined): void {
    if (this.#policy === "none" || tokens === undefined) return;
    const answer = this.#exchange.answer(tokens);
    this.#secret = answer?.secret;
    this.#answer = answer?.tokens ?? [];
  }
  /** Callee: tokens for Connect. */
  answer(): readonly h235.ClearToken[] {
    return this.agreed ? this.#answer : [];
  }
  /** Caller: tokens of a message on the way to Connect. */
  answered(tokens: readonly h235.ClearToken[] | undefined): void {
    if (tokens !== undefined && this.#policy !== "none") this.#secret ??= this.#exchange.answered(tokens);
  }

  /** What is sent instead of a control machine's message; a reason where it must not be sent at all. */
  outgoing(message: ControlMessage): ControlMessage | { readonly fail: string } {
    const { request, response } = message;
    if (request?.terminalCapabilitySet !== undefined && this.agreed)
      return { request: { terminalCapabilitySet: secured(request.terminalCapabilitySet, this.#algorithms) } };
    if (request?.openLogicalChannel !== undefined) return this.#opening(request.openLogicalChannel);
    if (response?.openLogicalChannelAck !== undefined)
      return { response: { openLogicalChannelAck: this.#acknowledging(response.openLogicalChannelAck) } };
    if (response?.openLogicalChannelReject !== undefined)
      this.#receive.delete(response.openLogicalChannelReject.forwardLogicalChannelNumber);
    if (request?.closeLogicalChannel !== undefined)
      this.#updates.closed("transmit", request.closeLogicalChannel.forwardLogicalChannelNumber);
    return message;
  }

  /** Reads a message of the peer's before the control machine does. */
  incoming(message: ControlMessage): Checked {
    const { request, response, command } = message;
    if (command?.miscellaneousCommand !== undefined && this.#secret !== undefined) {
      const context = { master: this.#master, secret: this.#secret, random: this.#random };
      const answer = this.#updates.received(command.miscellaneousCommand, context);
      if (answer !== undefined) return { type: "answer", message: answer };
    }
    if (request?.closeLogicalChannel !== undefined)
      this.#updates.closed("receive", request.closeLogicalChannel.forwardLogicalChannelNumber);
    if (request?.terminalCapabilitySet !== undefined) this.#said(request.terminalCapabilitySet);
    else if (request?.openLogicalChannel !== undefined) return this.#opened(request.openLogicalChannel, message);
    else if (response?.openLogicalChannelAck !== undefined) return this.#acknowledged(response.openLogicalChannelAck, message);
    else if (response?.openLogicalChannelReject !== undefined)
      this.#transmit.delete(response.openLogicalChannelReject.forwardLogicalChannelNumber);
    return { type: "take", message };
  }

  /** The empty set (H.323 8.4.6) pauses, and says nothing of ciphers. */
  #said(set: TerminalCapabilitySet): void {
    if (isEmptySet(set)) {
      this.#set = undefined;
      return;
    }
    this.#set = revised(this.#set, set);
    this.#remote = readSecurity(this.#set);
  }

  /** Looks at what control tells: who is master. */
  heard(event: ControlEvent): void {
    if (event.type === "established") this.#master = event.role === "master";
  }

  /** Told before what control tells; taken once. */
  drain(): (ProtectedEvent | RekeyedEvent)[] {
    const out = this.#events;
    this.#events = [];
    return [...out, ...this.#updates.drain()];
  }

  get #algorithms(): readonly MediaAlgorithm[] {
    return this.agreed ? (this.#secret?.algorithms ?? []) : [];
  }

  #opening(olc: OpenLogicalChannel): ControlMessage | { readonly fail: string } {
    const { forwardLogicalChannelParameters: forward, forwardLogicalChannelNumber: number } = olc;
    const { dataType } = forward;
    const medium = mediumOf(dataType);
    const theirs = medium === undefined ? undefined : this.#remote.get(medium);
    const algorithm = this.#algorithms.find(({ oid }) => theirs?.has(oid));
    if (medium === undefined || algorithm === undefined) {
      if (medium !== undefined && this.#policy === "required") return { fail: "the far end does not encrypt its media" };
      return { request: { openLogicalChannel: olc } };
    }
    const parameters = forward.multiplexParameters.h2250LogicalChannelParameters;
    const payloadType = parameters?.dynamicRTPPayloadType ?? FIRST_PAYLOAD_TYPE + ((parameters?.sessionID ?? 0) & 7);
    const key = this.#master ? this.#random(algorithm.keyLength) : undefined;
    this.#transmit.set(number, { algorithm, payloadType, key });
    return {
      request: {
        openLogicalChannel: {
          ...olc,
          forwardLogicalChannelParameters: {
            ...forward,
            dataType: wrapped(dataType, algorithm),
            multiplexParameters:
              parameters === undefined
                ? forward.multiplexParameters
                : { h2250LogicalChannelParameters: { ...parameters, dynamicRTPPayloadType: payloadType } },
          },
          ...(key === undefined ? {} : { encryptionSync: this.#sync(algorithm, key, payloadType) }),
        },
      },
    };
  }

  #acknowledged(ack: OpenLogicalChannelAck, message: ControlMessage): Checked {
    const number = ack.forwardLogicalChannelNumber;
    const opening = this.#transmit.get(number);
    if (opening === undefined) return { type: "take", message };
    this.#transmit.delete(number);
    const { algorithm } = opening;
    // A key the master did not make is none, even if it comes first: both must use the same.
    const sync = opening.key === undefined ? ack.encryptionSync : undefined;
    const key = opening.key ?? (sync && this.#secret?.unseal(algorithm, sync.h235Key));
    if (key === undefined) return { type: "fail", reason: "no key for the media came with the channel" };
    this.#tell("transmit", number, algorithm, key, sync === undefined ? opening.payloadType : payloadTypeOf(sync, opening.payloadType));
    return { type: "take", message };
  }

  #opened(olc: OpenLogicalChannel, message: ControlMessage): Checked {
    const { forwardLogicalChannelNumber: number, forwardLogicalChannelParameters: forward } = olc;
    const media = forward.dataType.h235Media;
    if (media === undefined) {
      const plain = mediumOf(forward.dataType) !== undefined;
      return plain && this.#policy === "required" ? refused(number) : { type: "take", message };
    }
    const [wanted] = media.encryptionAuthenticationAndIntegrity.encryptionCapability ?? [];
    const algorithm = this.#algorithms.find(({ oid }) => oid === wanted?.algorithm);
    const { audioData, videoData } = media.mediaType;
    if (algorithm === undefined || (audioData === undefined && videoData === undefined)) return refused(number);
    if (this.#receive.size >= MOST_OPENING) return refused(number);
    const sync = olc.encryptionSync;
    if (sync !== undefined && this.#secret?.unseal(algorithm, sync.h235Key) === undefined) return refused(number);
    const parameters = forward.multiplexParameters.h2250LogicalChannelParameters;
    const said = parameters?.dynamicRTPPayloadType ?? FIRST_PAYLOAD_TYPE + ((parameters?.sessionID ?? 0) & 7);
    this.#receive.set(number, { algorithm, payloadType: sync === undefined ? said : payloadTypeOf(sync, said), sync });
    const dataType: DataType = audioData === undefined ? { videoData: videoData! } : { audioData };
    const { encryptionSync: _, ...rest } = olc;
    return {
      type: "take",
      message: { request: { openLogicalChannel: { ...rest, forwardLogicalChannelParameters: { ...forward, dataType } } } },
    };
  }

  #acknowledging(ack: OpenLogicalChannelAck): OpenLogicalChannelAck {
    const number = ack.forwardLogicalChannelNumber;
    const opened = this.#receive.get(number);
    if (opened === undefined) return ack;
    this.#receive.delete(number);
    const { algorithm, payloadType, sync } = opened;
    const theirs = sync && this.#secret?.unseal(algorithm, sync.h235Key);
    // Whoever opens without a key is not the master.
    const key = theirs ?? this.#random(algorithm.keyLength);
    this.#tell("receive", number, algorithm, key, payloadType);
    return theirs === undefined ? { ...ack, encryptionSync: this.#sync(algorithm, key, payloadType) } : ack;
  }

  #sync(algorithm: MediaAlgorithm, key: Uint8Array, payloadType: number): EncryptionSync {
    return { synchFlag: payloadType, h235Key: this.#secret!.seal(algorithm, key) };
  }

  #tell(direction: "transmit" | "receive", channel: number, algorithm: MediaAlgorithm, key: Uint8Array, payloadType: number): void {
    const cipher = new PayloadCipher(algorithm, key, payloadType);
    this.#updates.opened(direction, channel, cipher);
    this.#events.push({ type: "protected", direction, channel, cipher });
  }
}

/** The flag is the payload type (H.235.6 8.6); what cannot be one says nothing. */
function payloadTypeOf(sync: EncryptionSync, otherwise: number): number {
  return sync.synchFlag >= 96 && sync.synchFlag <= 127 ? sync.synchFlag : otherwise;
}

function refused(forwardLogicalChannelNumber: number): Checked {
  return {
    type: "answer",
    message: { response: { openLogicalChannelReject: { forwardLogicalChannelNumber, cause: { securityDenied: true } } } },
  };
}

/** Name of a medium in a channel or capability, such as `audioData g711Alaw64k`; undefined for what is neither audio nor video. */
function mediumOf({ audioData, videoData }: Pick<DataType, "audioData" | "videoData">): string | undefined {
  const kind = audioData === undefined ? "videoData" : "audioData";
  const data = audioData ?? videoData;
  return data === undefined ? undefined : `${kind} ${Object.keys(data)[0] ?? ""}`;
}

function capabilityMedium(capability: Capability | undefined): string | undefined {
  const audioData = capability?.receiveAudioCapability ?? capability?.receiveAndTransmitAudioCapability;
  const videoData = capability?.receiveVideoCapability ?? capability?.receiveAndTransmitVideoCapability;
  return mediumOf({ ...(audioData === undefined ? {} : { audioData }), ...(videoData === undefined ? {} : { videoData }) });
}

function wrapped({ audioData, videoData }: DataType, algorithm: MediaAlgorithm): DataType {
  return {
    h235Media: {
      encryptionAuthenticationAndIntegrity: { encryptionCapability: [{ algorithm: algorithm.oid }] },
      mediaType: audioData === undefined ? { videoData: videoData! } : { audioData },
    },
  };
}

/** A capability set that says of each audio and video codec by which ciphers it can be encrypted, beside the codec in its set. */
function secured(set: TerminalCapabilitySet, algorithms: readonly MediaAlgorithm[]): TerminalCapabilitySet {
  // Telephone events would pass beside the cipher: digits come in user input then.
  const all = set.capabilityTable ?? [];
  const table = all.filter(({ capability }) => capability?.receiveRTPAudioTelephonyEventCapability === undefined);
  const dropped = new Set(all.filter((entry) => !table.includes(entry)).map((entry) => entry.capabilityTableEntryNumber));
  const media = table.filter(({ capability }) => capabilityMedium(capability) !== undefined).map((e) => e.capabilityTableEntryNumber);
  if (media.length === 0) return set;
  const offset = Math.max(CAPABILITY_OFFSET, ...table.map((e) => e.capabilityTableEntryNumber));
  if (Math.max(...media) + offset > LAST_CAPABILITY) return set;
  const encryptionCapability = algorithms.map(({ oid }) => ({ algorithm: oid }));
  return {
    ...set,
    capabilityTable: [
      ...table,
      ...media.map((mediaCapability) => ({
        capabilityTableEntryNumber: mediaCapability + offset,
        capability: {
          h235SecurityCapability: { encryptionAuthenticationAndIntegrity: { encryptionCapability }, mediaCapability },
        },
      })),
    ],
    ...(set.capabilityDescriptors === undefined
      ? {}
      : {
          capabilityDescriptors: set.capabilityDescriptors.map((descriptor) => ({
            ...descriptor,
            ...(descriptor.simultaneousCapabilities === undefined
              ? {}
              : {
                  simultaneousCapabilities: descriptor.simultaneousCapabilities
                    .map((alternatives) =>
                      alternatives
                        .filter((number) => !dropped.has(number))
                        .flatMap((number) => (media.includes(number) ? [number, number + offset] : [number])),
                    )
                    .filter((alternatives) => alternatives.length > 0),
                }),
          })),
        }),
  };
}

/** Ciphers by medium, of a peer's capability set. */
function readSecurity({ capabilityTable = [] }: TerminalCapabilitySet): Map<string, ReadonlySet<string>> {
  const byNumber = new Map(capabilityTable.map((entry) => [entry.capabilityTableEntryNumber, capabilityMedium(entry.capability)]));
  const found = new Map<string, ReadonlySet<string>>();
  for (const { capability } of capabilityTable) {
    const security = capability?.h235SecurityCapability;
    const medium = security && byNumber.get(security.mediaCapability);
    if (medium === undefined) continue;
    const ciphers = security!.encryptionAuthenticationAndIntegrity.encryptionCapability?.flatMap(({ algorithm }) => algorithm ?? []) ?? [];
    if (ciphers.some((oid) => algorithmOf(oid) !== undefined)) found.set(medium, new Set([...(found.get(medium) ?? []), ...ciphers]));
  }
  return found;
}
