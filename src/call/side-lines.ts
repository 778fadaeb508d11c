import type { SrtpContext } from "../negotiation/index.ts";
import { rejectLine } from "../negotiation/index.ts";
import type { SdpMedia, SdpSession } from "../wire/sdp/index.ts";

/**
 * One line of a call beside its audio: a camera, a screen, a floor. It lives as long as the call; a line that is refused or switched off may come back in
 * a later offer. Nothing here may fail the call: what cannot be is a line with port 0.
 */
export interface SideLine {
  /** Our line for line `index` of their offer, at first and for each offer later; null refuses it. */
  answer(offer: SdpSession, index: number, context: SrtpContext): Promise<SdpMedia | null>;
  /** Our line in an offer of ours; null leaves it out, or switches it off where it was in before. */
  offer(context: SrtpContext): Promise<SdpMedia | null>;
  /** Their answer to our line, at `index`; it may be missing, or switched off. */
  answered(ours: SdpMedia, answer: SdpSession, index: number, context: SrtpContext): void;
  /** Their description has no such line any more, or refuses it. */
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

/** The lines of a call besides its audio, by their place in the description (decision 4: each line for itself, one answer composed). */
export class SideLines {
  readonly #kinds: readonly SideLineKind[];
  readonly #lines = new Map<number, SideLine>();
  #closed = false;

  constructor(kinds: readonly SideLineKind[]) {
    this.#kinds = kinds;
  }

  /** Answers to an offer's lines, by place; those without one are rejected by who composes the answer. */
  async answer(offer: SdpSession, audio: number, context: SrtpContext): Promise<Map<number, SdpMedia>> {
    const answers = new Map<number, SdpMedia>();
    await Promise.all(
      offer.media.map(async (media, index) => {
        if (index === audio) return;
        if (media.port === 0) return this.#lines.get(index)?.dropped();
        const line = this.#lines.get(index) ?? this.#claim(offer, index);
        if (!line) return;
        this.#lines.set(index, line);
        const answer = this.#closed ? null : await line.answer(offer, index, context).catch(() => null);
        if (answer) answers.set(index, answer);
        else line.dropped();
      }),
    );
    return answers;
  }

  /** Our lines after the audio in an offer of ours. Lines of `previous` keep their places (RFC 3264 section 8). */
  async offer(context: SrtpContext, previous?: SdpSession): Promise<SdpMedia[]> {
    if (!previous) {
      let index = 1;
      for (const kind of this.#kinds) for (const line of kind.offered()) this.#lines.set(index++, line);
    }
    const count = previous ? previous.media.length : this.#lines.size + 1;
    const media: SdpMedia[] = [];
    for (let index = 1; index < count; index++) {
      const line = this.#closed
        ? null
        : ((await this.#lines
            .get(index)
            ?.offer(context)
            .catch(() => null)) ?? null);
      if (line) media.push(line);
      else if (previous) media.push(rejectLine(previous.media[index]!));
      else this.#lines.delete(index);
    }
    return previous ? media : this.#closeGaps(media);
  }

  /** Their answer to an offer of ours. */
  answered(ours: SdpSession, answer: SdpSession, audio: number, context: SrtpContext): void {
    for (const [index, line] of this.#lines) {
      const own = ours.media[index];
      if (index === audio || !own || own.port === 0) continue;
      const theirs = answer.media[index];
      if (!theirs || theirs.port === 0) line.dropped();
      else line.answered(own, answer, index, context);
    }
  }

  close(): void {
    this.#closed = true;
    for (const line of this.#lines.values()) line.close();
    this.#lines.clear();
  }

  #claim(session: SdpSession, index: number): SideLine | undefined {
    for (const kind of this.#kinds) {
      const line = kind.claim(session, index);
      if (line) return line;
    }
    return undefined;
  }

  /** Lines that could not be offered leave no holes: the others move up. */
  #closeGaps(media: SdpMedia[]): SdpMedia[] {
    const lines = [...this.#lines].sort(([a], [b]) => a - b).map(([, line]) => line);
    this.#lines.clear();
    for (const [place, line] of lines.entries()) this.#lines.set(place + 1, line);
    return media;
  }
}
