/** H.460.19: media through firewalls. Who is behind one is the client, who is reached from everywhere the server. */
import type { GenericData } from "../../wire/h225/index.ts";
import type { GenericMessage } from "../../wire/h245/index.ts";
import { decodeTraversal, encodeTraversal, type TraversalParameters } from "../../wire/h460/index.ts";
import { type Address, fromH245, toH245 } from "../address.ts";
import { type Featured, feature, findFeature, hasParameter } from "./h460.ts";

const MEDIA_TRAVERSAL = 19;
/** Clause 10: parameters of the feature. */
const TRANSMITS_MULTIPLEXED = 1;
const IS_SERVER = 2;
/** Names traversal parameters in a channel's generic information. */
const IDENTIFIER = "0.0.8.460.19.0.1";

export type TraversalRole = "client" | "server";

/** What a side says of itself in call signalling. */
export interface MediaTraversal {
  readonly role: TraversalRole;
  /** It can put a multiplex number before what it sends. */
  readonly multiplexes: boolean;
}

export function traversalFeature({ role, multiplexes }: MediaTraversal): GenericData {
  const parameters: Record<number, null> = {};
  if (multiplexes) parameters[TRANSMITS_MULTIPLEXED] = null;
  if (role === "server") parameters[IS_SERVER] = null;
  return feature(MEDIA_TRAVERSAL, parameters);
}

/** What the peer says of itself; undefined when it does not speak H.460.19. */
export function readTraversalFeature(message: Featured | undefined): MediaTraversal | undefined {
  const found = findFeature(message, MEDIA_TRAVERSAL);
  if (found === undefined) return undefined;
  return { role: hasParameter(found, IS_SERVER) ? "server" : "client", multiplexes: hasParameter(found, TRANSMITS_MULTIPLEXED) };
}

/** What a channel's opener or taker says. */
export interface ChannelTraversal {
  /** Where media are to be sent with `id` before each packet. */
  readonly multiplex?: { readonly id: number; readonly rtp: Address | undefined; readonly rtcp: Address | undefined } | undefined;
  /** Server: where keep-alives are to be sent, and how often (ms). */
  readonly keepAlive?: { readonly to: Address; readonly interval: number } | undefined;
  /** Client: payload type of its keep-alives. */
  readonly payloadType?: number | undefined;
}

export function composeTraversal({ multiplex, keepAlive, payloadType }: ChannelTraversal): GenericMessage[] {
  const parameters: TraversalParameters = {
    ...(multiplex?.rtp === undefined ? {} : { multiplexedMediaChannel: toH245(multiplex.rtp) }),
    ...(multiplex?.rtcp === undefined ? {} : { multiplexedMediaControlChannel: toH245(multiplex.rtcp) }),
    ...(multiplex === undefined ? {} : { multiplexID: multiplex.id }),
    ...(keepAlive === undefined ? {} : { keepAliveChannel: toH245(keepAlive.to), keepAliveInterval: Math.ceil(keepAlive.interval / 1000) }),
    ...(payloadType === undefined ? {} : { keepAlivePayloadType: payloadType }),
  };
  if (Object.keys(parameters).length === 0) return [];
  return [
    {
      messageIdentifier: { standard: IDENTIFIER },
      messageContent: [{ parameterIdentifier: { standard: 1 }, parameterValue: { octetString: encodeTraversal(parameters) } }],
    },
  ];
}

/** Keep-alives faster than this are not sent, slower would let a firewall close. Milliseconds. */
const FASTEST = 1_000;
const SLOWEST = 300_000;

/** Undefined where there are none. What cannot be decoded counts as none. */
export function readTraversal(information: readonly GenericMessage[] | undefined): ChannelTraversal | undefined {
  const octets = information
    ?.find((m) => m.messageIdentifier.standard === IDENTIFIER)
    ?.messageContent?.find((p) => p.parameterIdentifier.standard === 1)?.parameterValue.octetString;
  if (octets === undefined) return undefined;
  let read: TraversalParameters;
  try {
    read = decodeTraversal(octets);
  } catch {
    return undefined;
  }
  const to = fromH245(read.keepAliveChannel);
  const interval = Math.min(SLOWEST, Math.max(FASTEST, (read.keepAliveInterval ?? 0) * 1000));
  return {
    ...(read.multiplexID === undefined
      ? {}
      : {
          multiplex: {
            id: read.multiplexID,
            rtp: fromH245(read.multiplexedMediaChannel),
            rtcp: fromH245(read.multiplexedMediaControlChannel),
          },
        }),
    ...(to === undefined || read.keepAliveInterval === undefined ? {} : { keepAlive: { to, interval } }),
    ...(read.keepAlivePayloadType === undefined ? {} : { payloadType: read.keepAlivePayloadType }),
  };
}

/** An RTP header without payload: opens the firewall, is heard by nobody. */
export function keepAlivePacket(payloadType: number, sequence: number): Uint8Array {
  return Uint8Array.of(0x80, payloadType & 0x7f, (sequence >>> 8) & 0xff, sequence & 0xff, 0, 0, 0, 0, 0, 0, 0, 0);
}

/** The same for RTCP: a receiver report of nothing. */
export function keepAliveReport(): Uint8Array {
  return Uint8Array.of(0x80, 201, 0, 1, 0, 0, 0, 0);
}

/** Puts the multiplex number before a packet, where there is one (clause 7.2). */
export function multiplexed(packet: Uint8Array, id: number | undefined): Uint8Array {
  if (id === undefined) return packet;
  const out = new Uint8Array(packet.length + 4);
  new DataView(out.buffer).setUint32(0, id);
  out.set(packet, 4);
  return out;
}

/** Takes it off; undefined for datagrams too short to have one. */
export function demultiplexed(datagram: Uint8Array): { readonly id: number; readonly packet: Uint8Array } | undefined {
  if (datagram.length < 12) return undefined;
  const id = ((datagram[0]! << 24) | (datagram[1]! << 16) | (datagram[2]! << 8) | datagram[3]!) >>> 0;
  return { id, packet: datagram.subarray(4) };
}
