import type { Millis } from "../base/clock.ts";
import { canonicalAddress } from "../base/ip-address.ts";

/** An address media comes from or goes to. */
export interface MediaAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * From where media without SRTP are believed besides the signalled address and port. Hosts: from any port of these and of the signalled host, as behind a NAT
 * (the address that signalling comes from is such a host). `signalled`: from nowhere else. `any`: from wherever they come.
 */
export type MediaSources = readonly string[] | "signalled" | "any";

/** What to do with a packet: take it, take it and send there from now on, drop it until its source has proven itself, or drop it as a stranger's. */
export type Verdict = "accept" | "latched" | "unproven" | "stranger";

/** Packets of one unsignalled source in a row before it is believed, without SRTP to prove it. */
const PROOF_PACKETS = 3;
/** A latched source must be silent for so long before another address may take its place, without SRTP to prove it. */
const MOVE_AFTER_SILENCE_MS = 3000;
/** An RTCP source that was learnt is forgotten after so long without a packet: four intervals of RFC 3550 section 6.2. */
const REPORT_SILENCE_MS = 20_000;

/** What speaks for a source, from least to most. */
const RANK = {
  /** Another port of a host that is believed: anybody's who is at that host, or behind the same NAT. */
  host: 1,
  /** The signalled port of such a host: a NAT that keeps ports. */
  port: 2,
  signalled: 3,
} as const;
type Rank = (typeof RANK)[keyof typeof RANK];

/**
 * Symmetric RTP (RFC 4961): learns where the far end really sends from, behind a NAT say, and cannot be talked out of it. The signalled address is believed
 * at once and displaces every other. Another host is believed only where SRTP proves it or {@link MediaSources} name it. Without SRTP a source gives way at any
 * time to one for which more speaks, and never to one for which less speaks, however long it is silent; to another port of a host only while it is silent.
 */
export class Latch {
  #signalled: MediaAddress;
  /** {@link #signalled} in the form addresses are compared in. */
  #signalledHost: string;
  #sources: MediaSources;
  #hosts: ReadonlySet<string>;
  #source: MediaAddress | undefined;
  #sourceIsSignalled = false;
  /** Of all that have been heard since the address was signalled, most spoke for this. */
  #rank: Rank | 0 = 0;
  #ssrc = -1;
  #lastHeard: Millis = Number.NEGATIVE_INFINITY;
  #candidate: MediaAddress | undefined;
  #candidateSsrc = -1;
  #candidatePackets = 0;
  /** The far end may send from one port and receive on another, as signalling says. */
  #asymmetric: boolean;

  constructor(signalled: MediaAddress, sources: MediaSources = [], asymmetric = false) {
    this.#asymmetric = asymmetric;
    this.#signalled = signalled;
    this.#signalledHost = canonicalAddress(signalled.address);
    this.#sources = sources;
    this.#hosts = hostsOf(sources);
  }

  /**
   * Where to send: the latched source, until there is one the signalled address. Where ports need not be symmetric the
   * signalled address of the source's own host counts:
   * nothing between has changed it.
   */
  get target(): MediaAddress {
    const source = this.#source;
    if (source === undefined || (this.#asymmetric && canonicalAddress(source.address) === this.#signalledHost)) return this.#signalled;
    return source;
  }

  get signalled(): MediaAddress {
    return this.#signalled;
  }

  get latched(): boolean {
    return this.#source !== undefined;
  }

  /** The latched source is the signalled address: there is no NAT between, or one that keeps ports. */
  get isSignalled(): boolean {
    return this.#sourceIsSignalled;
  }

  /** A new offer or answer named an address. The same one again changes nothing. */
  signal(address: MediaAddress, sources: MediaSources = this.#sources, asymmetric = this.#asymmetric): void {
    this.#asymmetric = asymmetric;
    this.#sources = sources;
    this.#hosts = hostsOf(sources);
    const host = canonicalAddress(address.address);
    if (host === this.#signalledHost && address.port === this.#signalled.port) return;
    this.#signalled = address;
    this.#signalledHost = host;
    this.#source = undefined;
    this.#sourceIsSignalled = false;
    this.#rank = 0;
    this.#candidate = undefined;
  }

  /** Whether a packet of this source may be looked at at all, before SRTP or the payload are: a latched leg without SRTP drops strangers here. */
  isKnown(address: string, port: number): boolean {
    return this.#source !== undefined && this.#source.port === port && this.#source.address === address;
  }

  /** Whether media of this host, from whichever port, may be believed without SRTP. */
  trusts(address: string): boolean {
    if (this.#sources === "any") return true;
    if (this.#sources === "signalled") return false;
    const host = canonicalAddress(address);
    return host === this.#signalledHost || this.#hosts.has(host);
  }

  /** Whether the latched source has been heard within the last seconds. */
  isLive(now: Millis): boolean {
    return this.#source !== undefined && now - this.#lastHeard <= MOVE_AFTER_SILENCE_MS;
  }

  /** Judges a well-formed packet of an expected payload type; `authenticated` when SRTP has proven it. */
  judge(address: string, port: number, ssrc: number, authenticated: boolean, now: Millis): Verdict {
    if (this.isKnown(address, port)) {
      this.#lastHeard = now;
      this.#ssrc = ssrc;
      return "accept";
    }
    const source = { address, port };
    const rank = this.#rankOf(source);
    if (rank === RANK.signalled) return this.#adopt(source, ssrc, rank, now);
    const silent = now - this.#lastHeard > MOVE_AFTER_SILENCE_MS;
    if (authenticated) {
      const moves = this.#source === undefined || ssrc === this.#ssrc || silent;
      return moves ? this.#adopt(source, ssrc, rank, now) : "stranger";
    }
    if (rank === 0 || rank < this.#rank) return "stranger";
    if (this.#source !== undefined && rank === this.#rank && !silent) return "stranger";
    return this.#proves(source, ssrc) ? this.#adopt(source, ssrc, rank, now) : "unproven";
  }

  #rankOf({ address, port }: MediaAddress): Rank | 0 {
    const host = canonicalAddress(address);
    const ofPort = port === this.#signalled.port;
    if (host === this.#signalledHost && ofPort) return RANK.signalled;
    if (!this.trusts(address)) return 0;
    return ofPort && this.#hosts.has(host) ? RANK.port : RANK.host;
  }

  #proves(source: MediaAddress, ssrc: number): boolean {
    if (this.#candidate?.address !== source.address || this.#candidate.port !== source.port || this.#candidateSsrc !== ssrc) {
      this.#candidate = source;
      this.#candidateSsrc = ssrc;
      this.#candidatePackets = 0;
    }
    return ++this.#candidatePackets >= PROOF_PACKETS;
  }

  #adopt(source: MediaAddress, ssrc: number, rank: Rank | 0, now: Millis): Verdict {
    this.#source = source;
    this.#sourceIsSignalled = rank === RANK.signalled;
    if (rank > this.#rank) this.#rank = rank;
    this.#ssrc = ssrc;
    this.#lastHeard = now;
    this.#candidate = undefined;
    return "latched";
  }
}

function hostsOf(sources: MediaSources): ReadonlySet<string> {
  return new Set(typeof sources === "string" ? [] : sources.map(canonicalAddress));
}

/**
 * Whose RTCP is taken where no SRTP proves it: the far end's whose RTP is taken, and nobody else's, or a dead call would be kept up by anybody. Feedback and
 * reports on the RTP port come from the RTP source itself (RFC 5761); those on a port of their own from where signalling says, from the RTP source's own
 * or next port (RFC 4961), or else from the one port of its host that was heard first while its RTP was alive. Before any RTP has come it is one port of a
 * host that is believed.
 */
export class ReportLatch {
  #signalled: MediaAddress | undefined;
  #host = "";
  #exact = false;
  #learnt: MediaAddress | undefined;
  #heardAt: Millis = Number.NEGATIVE_INFINITY;

  /** Where signalling says that RTCP comes from. The same again changes nothing. */
  signal(address: MediaAddress): void {
    const host = canonicalAddress(address.address);
    if (this.#signalled?.port === address.port && this.#host === host) return;
    this.#signalled = address;
    this.#host = host;
    this.#exact = false;
    this.#learnt = undefined;
  }

  /** Whether a datagram may be taken. `apart`: it came to the RTCP port. */
  takes(address: string, port: number, apart: boolean, rtp: Latch, now: Millis): boolean {
    if (!apart) {
      if (rtp.isKnown(address, port)) return true;
      const signalled = port === rtp.signalled.port && canonicalAddress(address) === canonicalAddress(rtp.signalled.address);
      return signalled || (!rtp.latched && rtp.trusts(address) && this.#learns(address, port, now));
    }
    const host = canonicalAddress(address);
    if (port === this.#signalled?.port && host === this.#host) {
      this.#exact = true;
      return true;
    }
    if (!rtp.latched) return !this.#exact && rtp.trusts(address) && this.#learns(address, port, now);
    if (host !== canonicalAddress(rtp.target.address)) return false;
    if (port === rtp.target.port || port === rtp.target.port + 1) return true;
    if (this.#exact) return false;
    return (this.#isLearnt(address, port) || rtp.isLive(now)) && this.#learns(address, port, now);
  }

  #isLearnt(address: string, port: number): boolean {
    return this.#learnt?.port === port && this.#learnt.address === address;
  }

  /** Whether it is the one that has been learnt; it is learnt where there is none, or that has been silent for long. */
  #learns(address: string, port: number, now: Millis): boolean {
    if (!this.#isLearnt(address, port)) {
      if (this.#learnt !== undefined && now - this.#heardAt < REPORT_SILENCE_MS) return false;
      this.#learnt = { address, port };
    }
    this.#heardAt = now;
    return true;
  }
}
