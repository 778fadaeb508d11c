import type { Millis } from "../base/clock.ts";

/** An address media comes from or goes to. */
export interface MediaAddress {
  readonly address: string;
  readonly port: number;
}

/** What to do with a packet: take it, take it and send there from now on, or drop it as a stranger's. */
export type Verdict = "accept" | "latched" | "stranger";

/** How long after a (re-)configuration the signalled address may still displace another that was heard first. */
const PREFER_SIGNALLED_MS = 2000;
/** Packets of one unsignalled source in a row before it is believed, without SRTP to prove it. */
const PROOF_PACKETS = 3;
/** A latched source must be silent for so long before another address may carry its SSRC on, without SRTP to prove it. */
const MOVE_AFTER_SILENCE_MS = 3000;

/**
 * Symmetric RTP: learns where the far end really sends from, behind NAT say, and cannot be talked out of it. The signalled address is believed at
 * once. Another is believed when nothing comes from the signalled one and it proves itself: by SRTP, or by several packets in a row of one stream. After
 * that, only a new offer, or the same stream from elsewhere (at once with SRTP, after a silence without) moves it.
 */
export class Latch {
  #signalled: MediaAddress;
  #source: MediaAddress | undefined;
  #sourceIsSignalled = false;
  #ssrc = -1;
  #configuredAt: Millis;
  #lastHeard: Millis = 0;
  #candidate: MediaAddress | undefined;
  #candidateSsrc = -1;
  #candidatePackets = 0;

  constructor(signalled: MediaAddress, now: Millis) {
    this.#signalled = signalled;
    this.#configuredAt = now;
  }

  /** Where to send: the latched source, until there is one the signalled address. */
  get target(): MediaAddress {
    return this.#source ?? this.#signalled;
  }

  get signalled(): MediaAddress {
    return this.#signalled;
  }

  get latched(): boolean {
    return this.#source !== undefined;
  }

  /** A new offer or answer named an address. The same one again changes nothing. */
  signal(address: MediaAddress, now: Millis): void {
    if (same(address, this.#signalled)) return;
    this.#signalled = address;
    this.#source = undefined;
    this.#sourceIsSignalled = false;
    this.#candidate = undefined;
    this.#configuredAt = now;
  }

  /** Whether a packet of this source may be looked at at all, before SRTP or the payload are: a latched leg without SRTP drops strangers here. */
  isKnown(address: string, port: number): boolean {
    return this.#source !== undefined && this.#source.port === port && this.#source.address === address;
  }

  /** Judges a well-formed packet of an expected payload type; `authenticated` when SRTP has proven it. */
  judge(address: string, port: number, ssrc: number, authenticated: boolean, now: Millis): Verdict {
    if (this.isKnown(address, port)) {
      this.#lastHeard = now;
      this.#ssrc = ssrc;
      return "accept";
    }
    const source = { address, port };
    const signalled = same(source, this.#signalled);
    if (this.#source === undefined) {
      if (signalled || authenticated || this.#proves(source, ssrc)) return this.#adopt(source, ssrc, signalled, now);
      return "stranger";
    }
    // Something else was faster than the signalled address.
    if (signalled && !this.#sourceIsSignalled && now - this.#configuredAt < PREFER_SIGNALLED_MS)
      return this.#adopt(source, ssrc, true, now);
    if (ssrc !== this.#ssrc && !(signalled && now - this.#lastHeard > MOVE_AFTER_SILENCE_MS)) return "stranger";
    if (authenticated) return this.#adopt(source, ssrc, signalled, now);
    if (now - this.#lastHeard > MOVE_AFTER_SILENCE_MS && (signalled || this.#proves(source, ssrc)))
      return this.#adopt(source, ssrc, signalled, now);
    return "stranger";
  }

  #proves(source: MediaAddress, ssrc: number): boolean {
    if (this.#candidate === undefined || !same(this.#candidate, source) || this.#candidateSsrc !== ssrc) {
      this.#candidate = source;
      this.#candidateSsrc = ssrc;
      this.#candidatePackets = 0;
    }
    return ++this.#candidatePackets >= PROOF_PACKETS;
  }

  #adopt(source: MediaAddress, ssrc: number, signalled: boolean, now: Millis): Verdict {
    this.#source = source;
    this.#sourceIsSignalled = signalled;
    this.#ssrc = ssrc;
    this.#lastHeard = now;
    this.#candidate = undefined;
    return "latched";
  }
}

function same(a: MediaAddress, b: MediaAddress): boolean {
  return a.port === b.port && a.address === b.address;
}
