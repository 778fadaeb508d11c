/**
 * Who of those who talk is shown: who began last, and when he stops, who began before him and still talks. Unlike the media server, Janus has no floor of its
 * own across its participants and ours.
 */
export class Floor {
  /** In the order in which they began. */
  readonly #talking = new Set<string>();
  readonly #shown: (participantId: string) => void;

  constructor(shown: (participantId: string) => void) {
    this.#shown = shown;
  }

  /** Told again, nothing changes: several hear of the same talker. */
  talks(participantId: string, talking: boolean): void {
    if (this.#talking.has(participantId) === talking) return;
    const before = this.#last;
    if (talking) this.#talking.add(participantId);
    else this.#talking.delete(participantId);
    const now = this.#last;
    if (now !== undefined && now !== before) this.#shown(now);
  }

  get #last(): string | undefined {
    return [...this.#talking].at(-1);
  }
}
