import type { ControlMessage, OpenLogicalChannel, OpenLogicalChannelAck } from "../../wire/h245/index.ts";
import { type Address, fromH245 } from "../address.ts";
import type { LineMedia, LocalMedia } from "../control/types.ts";
import type { Featured } from "./h460.ts";
import {
  type ChannelTraversal,
  composeTraversal,
  readTraversal,
  readTraversalFeature,
  type TraversalRole,
  traversalFeature,
} from "./h460-19.ts";

/** What we can be in a call; a caller is what it is by its configuration, a callee the other of what the caller is. */
export interface TraversalPolicy {
  /** As caller. */
  readonly role?: TraversalRole | undefined;
  /** As callee. */
  readonly allowed: readonly TraversalRole[];
}

/** What the peer says of a channel's way through the firewall; told before the event that says it is open. */
export interface TraversalEvent {
  readonly type: "traversal";
  readonly direction: "transmit" | "receive";
  readonly channel: number;
  /** To be sent, so that media reach us: we are behind the firewall. */
  readonly keepAlive?: { readonly to: Address; readonly interval: number; readonly payloadType: number } | undefined;
  /** Before each packet to the peer, and where those are to be sent if the peer is a server. */
  readonly multiplex?: ChannelTraversal["multiplex"];
}

/** How often a client is asked to send keep-alives: firewalls forget a UDP flow after 30 s, some sooner. Milliseconds. */
const INTERVAL = 15_000;
/** Payload type of our keep-alives: what the field uses, and no codec has. */
const PAYLOAD_TYPE = 127;
/** Channels of the peer's whose opening may be under way at once; a call has four. */
const MOST_OPENING = 64;

/** H.460.19 of one call, as a filter on its control messages: the machines behind it know nothing of firewalls. */
export class MediaTraversal {
  readonly #policy: TraversalPolicy | undefined;
  #role: TraversalRole | undefined;
  /** The peer can put a number before what it sends. */
  #peerMultiplexes = false;
  /** What the peer has said of channels whose opening is under way, ours by number only. */
  readonly #offered = new Map<number, ChannelTraversal>();
  readonly #opening = new Set<number>();
  #events: TraversalEvent[] = [];

  constructor(policy: TraversalPolicy | undefined) {
    this.#policy = policy;
  }

  /** What we are in this call; undefined when no firewall is crossed by H.460.19. */
  get role(): TraversalRole | undefined {
    return this.#role;
  }

  /** What we say of ourselves: as caller always, as callee once the caller has spoken of it. */
  features(caller: boolean): Pick<Featured, "supportedFeatures"> {
    const role = caller ? this.#policy?.role : this.#role;
    return role === undefined ? {} : { supportedFeatures: [traversalFeature({ role, multiplexes: true })] };
  }

  /** Callee: what Setup says. */
  offered(setup: Featured): void {
    const peer = readTraversalFeature(setup);
    const role = peer?.role === "server" ? "client" : "server";
    if (peer === undefined || this.#policy?.allowed.includes(role) !== true) return;
    this.#role = role;
    this.#peerMultiplexes = peer.multiplexes;
  }

  /** Caller: what a message on the way to Connect says. Two servers or two clients have nothing to say to each other. */
  answered(body: Featured | undefined): void {
    const peer = readTraversalFeature(body);
    const role = this.#policy?.role;
    if (peer === undefined || role === undefined || peer.role === role) return;
    this.#role = role;
    this.#peerMultiplexes = peer.multiplexes;
  }

  /** What is sent instead of a control machine's message. `media` are what it speaks of. */
  outgoing(message: ControlMessage, media: LocalMedia | undefined): ControlMessage {
    const { request, response } = message;
    if (this.#role === undefined || media === undefined) return message;
    const { openLogicalChannel: olc } = request ?? {};
    const { openLogicalChannelAck: ack, openLogicalChannelReject: reject } = response ?? {};
    if (olc !== undefined) {
      this.#opening.add(olc.forwardLogicalChannelNumber);
      return { request: { openLogicalChannel: withTraversal(olc, this.#said(controlOf(olc), media, true)) } };
    }
    if (ack !== undefined) {
      const number = ack.forwardLogicalChannelNumber;
      this.#heard("receive", number, this.#offered.get(number));
      this.#offered.delete(number);
      return { response: { openLogicalChannelAck: withTraversal(ack, this.#said(controlOf(ack), media, false)) } };
    }
    if (reject !== undefined) this.#offered.delete(reject.forwardLogicalChannelNumber);
    return message;
  }

  /** Reads a message that the control machine is to see, before it does. */
  incoming({ request, response }: ControlMessage): void {
    if (this.#role === undefined) return;
    const { openLogicalChannel: olc } = request ?? {};
    const { openLogicalChannelAck: ack, openLogicalChannelReject: reject } = response ?? {};
    const said = olc && readTraversal(olc.genericInformation);
    if (olc !== undefined && said !== undefined && this.#offered.size < MOST_OPENING)
      this.#offered.set(olc.forwardLogicalChannelNumber, said);
    if (ack !== undefined && this.#opening.delete(ack.forwardLogicalChannelNumber))
      this.#heard("transmit", ack.forwardLogicalChannelNumber, readTraversal(ack.genericInformation));
    if (reject !== undefined) this.#opening.delete(reject.forwardLogicalChannelNumber);
  }

  drain(): TraversalEvent[] {
    const out = this.#events;
    this.#events = [];
    return out;
  }

  #said(control: Address | undefined, media: LocalMedia, opening: boolean): ChannelTraversal {
    if (this.#role === "client") return { payloadType: PAYLOAD_TYPE };
    const line = lines(media).find(({ rtcp }) => rtcp.host === control?.host && rtcp.port === control.port);
    const multiplex = this.#peerMultiplexes ? line?.multiplex : undefined;
    // What is sent to a client by its own packets' way: they go where it will hear us from.
    const to = multiplex?.rtp ?? line?.rtp;
    return { ...(multiplex && { multiplex }), ...(opening && to !== undefined ? { keepAlive: { to, interval: INTERVAL } } : {}) };
  }

  #heard(direction: "transmit" | "receive", channel: number, said: ChannelTraversal | undefined): void {
    if (said === undefined) return;
    const keepAlive =
      this.#role === "client" && said.keepAlive !== undefined ? { ...said.keepAlive, payloadType: PAYLOAD_TYPE } : undefined;
    if (keepAlive === undefined && said.multiplex === undefined) return;
    this.#events.push({ type: "traversal", direction, channel, keepAlive, multiplex: said.multiplex });
  }
}

function lines({ rtp, rtcp, multiplex, video, content, camera }: LocalMedia): LineMedia[] {
  return [{ rtp, rtcp, multiplex }, video, content, camera].filter((line) => line !== undefined);
}

/** RTCP address in a channel's parameters: which line of ours it is. */
function controlOf(channel: OpenLogicalChannel | OpenLogicalChannelAck): Address | undefined {
  const parameters =
    "forwardLogicalChannelParameters" in channel
      ? channel.forwardLogicalChannelParameters.multiplexParameters.h2250LogicalChannelParameters
      : channel.forwardMultiplexAckParameters?.h2250LogicalChannelAckParameters;
  return fromH245(parameters?.mediaControlChannel);
}

/** First, or others do not find it. */
function withTraversal<T extends OpenLogicalChannel | OpenLogicalChannelAck>(channel: T, said: ChannelTraversal): T {
  const composed = composeTraversal(said);
  return composed.length === 0 ? channel : { ...channel, genericInformation: [...composed, ...(channel.genericInformation ?? [])] };
}
