import type { ConferenceMember } from "../../call-media/media-server.ts";
import { AudioLeg, type AudioLegOptions } from "./audio-leg.ts";

/**
 * What everybody in the audiobridge's room hears, Janus's own clients too: a participant of ours there that says nothing but announcements, since Janus plays
 * files of its own machine only. At the media server it sits in a conference of its own, which keeps its stream up.
 */
export class Announcer {
  readonly #leg: AudioLeg;
  readonly #warn: (error: unknown) => void;
  #seat: ConferenceMember | undefined;
  /** Janus knows it. */
  #heard = false;
  #closed = false;

  /** Joins at once; `warn` is told when it cannot. `name` is its conference's. */
  constructor(options: AudioLegOptions, name: string, warn: (error: unknown) => void) {
    this.#warn = warn;
    this.#leg = new AudioLeg(options);
    this.#leg.on("kicked", () => this.close());
    void this.#open(name);
  }

  async #open(name: string): Promise<void> {
    try {
      await this.#leg.open(false);
      const seat = await this.#leg.session.joinConference(name, false);
      if (this.#closed) return await this.#leg.close();
      seat.onVacated(() => this.close());
      this.#seat = seat;
      this.#heard = true;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** It is out for good: put out by an operator of Janus's, or its media server is gone. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Plays files to the room, one after the other; resolves with false where it is not in it, or cannot. */
  async play(files: readonly string[]): Promise<boolean> {
    const seat = this.#seat;
    if (!seat || !this.#heard || this.#closed) return false;
    return seat.play(files).then(
      () => true,
      () => false,
    );
  }

  /** Janus was lost: nobody hears it. */
  lost(): void {
    this.#heard = false;
  }

  /** Janus is back. Where it does not take it any more, it is out: those who are in the meeting are not to wait for it. */
  async restore(version: number): Promise<void> {
    if (this.#closed || !this.#seat) return;
    try {
      await this.#leg.restore(version);
      this.#heard = !this.#closed;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What fails because the meeting has ended meanwhile is no news. */
  #fail(error: unknown): void {
    if (!this.#closed) this.#warn(error);
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leg.close().catch(() => undefined);
  }
}
