import type { MediaPolicy } from "../negotiation/index.ts";
import { rejectLine } from "../negotiation/index.ts";
import type { SdpMedia, SdpSession } from "../wire/sdp/index.ts";

/**
 * One line of a call beside its audio: a camera, a screen, a floor. It lives as long as the call; a line that is refused or switched off lets go of its
 * ports and may come back in a later offer of theirs. Nothing here may fail the call: what cannot be is a line with port 0.
 */
export interface SideLine {
  /** Our line for line `index` of their offer, at first and for each offer later; null refuses it. */
  answer(offer: SdpSession, index: number, context: MediaPolicy): Promise<SdpMedia | null>;
  /** Our line in an offer of ours, at first and again while both have it; null leaves it out, or switches it off where it was in before. */
  offer(context: MediaPolicy): Promise<SdpMedia | null>;
  /** Their answer to our line, at `index`, where they take it. */
  answered(ours: SdpMedia, answer: SdpSession, index: number, context: MediaPolicy): void;
  /** The far end has acknowledged the call: what a `held` context has kept from it may be sent and opened now. */
  acknowledged(): void;
  /** One side has it no more, or never had: ports are let go of. */
  dropped(): void;
  close(): void;
}

/** What a kind of line does: picks those it knows, and puts its own into offers. */
export interface SideLineKind {
  /** A handler for line `index` of a description, or null where it is none of its own. */
  claim(session: SdpSession, index: number): SideLine | null;
  /** Lines that offers of ours have, in order. */
  offered(): SideLine[];
}

/** A kind of which a call has one line at most. */
export function oneLine(line: SideLine, claims: (session: SdpSession, index: number) => boolean): SideLineKind {
  return { claim: (session, index) => (claims(session, index) ? line : null), offered: () => [line] };
}

/** The lines of a call besides its audio, by their place in the description (decision 0004: each line for itself, one answer composed). */
export class SideLines {
  readonly #kinds: readonly SideLineKind[];
  readonly #lines = new Map<number, SideLine>();
  /** Places that one side has refused or switched off: offers of ours leave them so. */
  readonly #off = new Set<number>();
  #closed = false;

  constructor(kinds: readonly SideLineKind[]) {
    this.#kinds = kinds;
  }

  /** Answers to an offer's lines, by place; those without one are rejected by who composes the answer. */
  async answer(offer: SdpSession, audio: number, context: MediaPolicy): Promise<Map<number, SdpMedia>> {
    const answers = new Map<number, SdpMedia>();
    await Promise.all(
      offer.media.map(async (media, index) => {
        if (index === audio) return;
        if (media.port === 0) return this.#drop(index);
        const line = this.#lines.get(index) ?? this.#claim(offer, index);
        if (!line || this.#closed) return;
        this.#lines.set(index, line);
        const answer = await line.answer(offer, index, context).catch(() => null);
        if (!answer) return this.#drop(index);
        this.#off.delete(index);
        answers.set(index, answer);
      }),
    );
    return answers;
  }

  /**
   * Our lines but the audio, which is `previous`'s line `audio`, in an offer of ours. Lines of `previous` keep their places (RFC 3264 section 8). Where the offer
   * is made `anew`, as for a new call (RFC 3261 section 14.2), lines that are off are in it again, and those that were never there follow.
   */
  async offer(context: MediaPolicy, previous?: SdpSession, audio = 0, anew = false): Promise<SdpMedia[]> {
    const own = async (line: SideLine | undefined) => (this.#closed ? null : ((await line?.offer(context).catch(() => null)) ?? null));
    if (previous) {
      const lines = await Promise.all(
        previous.media.map(async (before, index) => {
          if (index === audio) return before;
          return (this.#off.has(index) && !anew ? null : await own(this.#lines.get(index))) ?? rejectLine(before);
        }),
      );
      const kept = lines.filter((_, index) => index !== audio);
      return anew ? [...kept, ...(await this.#addMissing(previous.media.length, own))] : kept;
    }
    // the audio is the first line
    return this.#addMissing(1, own);
  }

  /** Lines of ours that have no place yet, from place `first` on. */
  async #addMissing(first: number, own: (line: SideLine) => Promise<SdpMedia | null>): Promise<SdpMedia[]> {
    const placed = new Set(this.#lines.values());
    const lines = this.#kinds.flatMap((kind) => kind.offered()).filter((line) => !placed.has(line));
    const media: SdpMedia[] = [];
    for (const [at, offered] of (await Promise.all(lines.map(own))).entries()) {
      const line = lines[at]!;
      if (offered) this.#lines.set(first - 1 + media.push(offered), line);
      else line.dropped();
    }
    return media;
  }

  /** An offer of ours was not answered: lines that it added or switched on are as they were under `previous`. */
  withdraw(previous: SdpSession): void {
    for (const [index, line] of [...this.#lines]) {
      if (index < previous.media.length && !this.#off.has(index)) continue;
      line.dropped();
      if (index >= previous.media.length) this.#lines.delete(index);
    }
  }

  /** Their answer to an offer of ours. */
  answered(ours: SdpSession, answer: SdpSession, audio: number, context: MediaPolicy): void {
    for (const [index, line] of this.#lines) {
      const own = ours.media[index];
      if (index === audio || !own || own.port === 0) continue;
      const theirs = answer.media[index];
      if (!theirs || theirs.port === 0) this.#drop(index);
      else {
        this.#off.delete(index);
        line.answered(own, answer, index, context);
      }
    }
  }

  /** The far end has acknowledged the call (RFC 3261 section 13.3.1.4): by UDP it is only now known to be where it says. */
  acknowledged(): void {
    for (const line of this.#lines.values()) line.acknowledged();
  }

  close(): void {
    this.#closed = true;
    for (const line of this.#lines.values()) line.close();
    this.#lines.clear();
  }

  #drop(index: number): void {
    this.#off.add(index);
    this.#lines.get(index)?.dropped();
  }

  #claim(session: SdpSession, index: number): SideLine | undefined {
    const placed = new Set(this.#lines.values());
    for (const kind of this.#kinds) {
      const line = kind.claim(session, index);
      if (line && !placed.has(line)) return line;
    }
    return undefined;
  }
}
