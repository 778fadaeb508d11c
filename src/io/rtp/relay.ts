/**
 * A relay for one call's RTP and RTCP between the media server and a far end that needs more than it does: a firewall's keep-alives and multiplexed media
 * (H.460.19), or media encryption of another kind (H.235.6, by `filter`). The media server is told the inner address as the far end's, the far end the outer one.
 */
import type { Address, LineMedia } from "../../h323/index.ts";
import { demultiplexed, keepAlivePacket, keepAliveReport, multiplexed } from "../../h323/index.ts";
import { isLoopback } from "../addresses.ts";
import type { MultiplexPort } from "./multiplex.ts";
import { bindPair, closePair, type MediaKind, type PortPair, type PortRange } from "./port-pairs.ts";

/** Changes a packet on its way; undefined drops it. */
export interface RelayFilter {
  readonly toFar?: (packet: Uint8Array, kind: MediaKind) => Uint8Array | undefined;
  readonly fromFar?: (packet: Uint8Array, kind: MediaKind) => Uint8Array | undefined;
}

export interface RtpRelayOptions {
  /** Bound towards the far end. */
  readonly host: string;
  /** What the far end is told, where it is not `host`. */
  readonly advertise?: string;
  readonly ports: PortRange;
  /** Where the media server takes this call's media. */
  readonly server: LineMedia;
  /**
   * Hosts the far end's media may come from: that of its signalling connection, that which it signalled. Media of others are dropped. Where absent, all are taken.
   */
  readonly sources?: readonly string[];
  /** Send to where its packets come from rather than to where it says: it is behind a NAT. */
  readonly learn?: boolean;
  /** Ports shared by many calls on which this one may be received too. */
  readonly multiplex?: MultiplexPort;
}

/** Where the far end takes media. */
export interface FarTarget {
  readonly rtp: Address;
  readonly rtcp: Address | undefined;
  /** Put before every packet to it (H.460.19). */
  readonly multiplexId?: number | undefined;
}

export interface KeepAlive {
  readonly to: Address;
  readonly rtcp?: Address | undefined;
  /** Milliseconds. */
  readonly interval: number;
  readonly payloadType: number;
  readonly multiplexId?: number | undefined;
}

/** A source once learnt is kept while it is heard at least so often; then another port of the same hosts may follow. */
const SILENT_MS = 5_000;

interface Source {
  readonly address: string;
  readonly port: number;
  /** It came last, and is answered, by the shared ports. */
  shared: boolean;
  heard: number;
}

export class RtpRelay {
  readonly #options: RtpRelayOptions;
  readonly #outer: PortPair;
  readonly #inner: PortPair;
  readonly #id: number | undefined;
  readonly #sources: Set<string> | undefined;
  readonly #learnt: Partial<Record<MediaKind, Source>> = {};
  readonly #counts = { fromFar: 0, toFar: 0, dropped: 0, keepAlives: 0 };
  #filter: RelayFilter = {};
  #far: FarTarget | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: RtpRelayOptions, outer: PortPair, inner: PortPair) {
    this.#options = options;
    this.#outer = outer;
    this.#inner = inner;
    this.#sources = options.sources && new Set(options.sources);
    for (const kind of ["rtp", "rtcp"] as const) {
      outer[kind].on("message", (packet, from) => this.#fromFar(this.#bare(packet), kind, from, false));
      inner[kind].on("message", (packet) => this.#toFar(packet, kind));
    }
    this.#id = options.multiplex?.join((packet, kind, from) => this.#fromFar(packet, kind, from, true));
  }

  /** What the far end is told: where it sends. */
  get outer(): LineMedia {
    const { advertise, host: bound, multiplex } = this.#options;
    const host = advertise ?? bound;
    const own = { rtp: { host, port: this.#outer.port }, rtcp: { host, port: this.#outer.port + 1 } };
    return this.#id === undefined || multiplex === undefined ? own : { ...own, multiplex: { id: this.#id, ...multiplex.media } };
  }
  /** What the media server is told of the far end. */
  get inner(): LineMedia {
    const { address } = this.#inner.rtp.address();
    return { rtp: { host: address, port: this.#inner.port }, rtcp: { host: address, port: this.#inner.port + 1 } };
  }
  /** What the far end prefixes where it sends to the shared ports; undefined without them. */
  get multiplexId(): number | undefined {
    return this.#id;
  }
  /** Packets, and those that came from strangers or were refused by the filter. */
  get stats(): Readonly<{ fromFar: number; toFar: number; dropped: number; keepAlives: number }> {
    return { ...this.#counts };
  }

  set filter(filter: RelayFilter) {
    this.#filter = filter;
  }
  set far(target: FarTarget) {
    this.#far = target;
  }
  /** Another host its media may come from. */
  allow(host: string): void {
    this.#sources?.add(host);
  }

  /** Opens the way through a firewall on our side, and keeps it open. Replaces an earlier one. */
  keepAlive({ to, rtcp, interval, payloadType, multiplexId }: KeepAlive): void {
    clearInterval(this.#keepAlive);
    let sequence = 0;
    const send = () => {
      this.#counts.keepAlives++;
      sequence = (sequence + 1) & 0xffff;
      this.#outer.rtp.send(multiplexed(keepAlivePacket(payloadType, sequence), multiplexId), to.port, to.host);
      if (rtcp !== undefined) this.#outer.rtcp.send(multiplexed(keepAliveReport(), multiplexId), rtcp.port, rtcp.host);
    };
    send();
    this.#keepAlive = setInterval(send, interval);
    this.#keepAlive.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#keepAlive);
    if (this.#id !== undefined) this.#options.multiplex?.leave(this.#id);
    for (const pair of [this.#outer, this.#inner]) closePair(pair);
  }

  #fromFar(packet: Uint8Array, kind: MediaKind, from: { readonly address: string; readonly port: number }, shared: boolean): void {
    const { learn, server } = this.#options;
    if (this.#closed) return;
    if (this.#sources !== undefined && !this.#sources.has(from.address)) {
      this.#counts.dropped++;
      return;
    }
    const silent = kind === "rtp" && packet.length <= 12;
    if (learn && !this.#hear(kind, from, shared, silent)) {
      this.#counts.dropped++;
      return;
    }
    // A header without payload opens a firewall and says nothing (H.460.19).
    if (silent) return;
    const { fromFar } = this.#filter;
    const passed = fromFar === undefined ? packet : fromFar(packet, kind);
    if (passed === undefined) {
      this.#counts.dropped++;
      return;
    }
    this.#counts.fromFar++;
    const to = server[kind];
    this.#inner[kind].send(passed, to.port, to.host);
  }

  /** H323Plus puts the number before what it sends to the call's own ports, too. */
  #bare(datagram: Uint8Array): Uint8Array {
    const parts = this.#id === undefined ? undefined : demultiplexed(datagram);
    return parts?.id === this.#id && parts !== undefined ? parts.packet : datagram;
  }

  /** Notes where packets come from; false for one that is not the source in use. */
  #hear(kind: MediaKind, from: { readonly address: string; readonly port: number }, shared: boolean, silent: boolean): boolean {
    const now = performance.now();
    const known = this.#learnt[kind];
    if (known !== undefined && known.address === from.address && known.port === from.port) {
      // Media are answered by the way they come.
      if (!silent) known.shared = shared;
      known.heard = now;
      return true;
    }
    if (known !== undefined && now - known.heard < SILENT_MS) return false;
    this.#learnt[kind] = { address: from.address, port: from.port, shared, heard: now };
    return true;
  }

  #toFar(packet: Uint8Array, kind: MediaKind): void {
    const { learn, multiplex } = this.#options;
    if (this.#closed) return;
    const learnt = learn ? this.#learnt[kind] : undefined;
    const said = this.#far?.[kind];
    // What a far end behind a NAT says of itself is of no use.
    const host = learnt?.address ?? (learn ? undefined : said?.host);
    const port = learnt?.port ?? said?.port;
    if (host === undefined || port === undefined) return;
    const { toFar } = this.#filter;
    const passed = toFar === undefined ? packet : toFar(packet, kind);
    if (passed === undefined) {
      this.#counts.dropped++;
      return;
    }
    this.#counts.toFar++;
    const framed = multiplexed(passed, this.#far?.multiplexId);
    if (learnt?.shared && multiplex !== undefined) multiplex.send(framed, kind, port, host);
    else this.#outer[kind].send(framed, port, host);
  }
}

/** Binds the ports. Rejects when there are none free. */
export async function openRtpRelay(options: RtpRelayOptions): Promise<RtpRelay> {
  const outer = await bindPair(options.host, options.ports);
  try {
    const { host } = options.server.rtp;
    // A media server on the loopback is reached from there only.
    return new RtpRelay(options, outer, await bindPair(isLoopback(host) ? host : options.host, options.ports));
  } catch (error) {
    closePair(outer);
    throw error;
  }
}
