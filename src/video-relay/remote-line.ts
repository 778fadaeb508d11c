import { EventEmitter } from "node:events";
import type { LineAgreement, RelayLine, RelayLineEvents, VideoStats } from "../video/index.ts";
import { packAgreement } from "./messages.ts";
import type { VideoSlot } from "./video-slot.ts";

/** A line as the port shows it; its other half is on a thread. */
export class RemoteLine extends EventEmitter<RelayLineEvents> implements RelayLine {
  readonly id: string;
  readonly local: { readonly address: string; readonly port: number; readonly rtcpPort: number };
  readonly #onClose: (line: RemoteLine) => void;
  #slot: VideoSlot;
  #open = true;
  #agreement: LineAgreement | undefined;
  #limit: number | null = null;
  /** While it is on its way to another thread. */
  #moving = false;

  constructor(id: string, slot: VideoSlot, local: RemoteLine["local"], onClose: (line: RemoteLine) => void) {
    super();
    this.id = id;
    this.#slot = slot;
    this.local = local;
    this.#onClose = onClose;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** The thread it is on. */
  get slot(): VideoSlot {
    return this.#slot;
  }

  configure(agreement: LineAgreement): void {
    this.#agreement = agreement;
    if (this.#open && !this.#moving) this.#slot.post({ t: "configure", id: this.id, agreement: packAgreement(agreement) });
  }

  requestKeyframe(): void {
    if (this.#open && !this.#moving) this.#slot.post({ t: "keyframe", id: this.id });
  }

  limit(bitsPerSecond: number | null): void {
    this.#limit = bitsPerSecond;
    if (this.#open && !this.#moving) this.#slot.post({ t: "limit", id: this.id, bitsPerSecond });
  }

  /**
   * Goes to another thread, ports and all; what arrives meanwhile is lost, and what is sent begins under new SSRCs. Resolves when it is there, or gone.
   */
  async move(slot: VideoSlot): Promise<void> {
    if (this.#moving) return;
    this.#moving = true;
    const { id } = this;
    try {
      await this.#slot.request((req) => ({ t: "release", req, id }));
      this.#slot.lines--;
      this.#slot = slot;
      slot.lines++;
      await slot.request((req) => ({ t: "open", req, id, port: this.local.port }));
    } catch (error) {
      this.lost(error instanceof Error ? error.message : String(error));
      return;
    } finally {
      this.#moving = false;
    }
    if (!this.#open) {
      await slot.request((req) => ({ t: "close", req, id })).catch(() => {});
      return;
    }
    if (this.#agreement) this.configure(this.#agreement);
    if (this.#limit !== null) this.limit(this.#limit);
  }

  /** Rejects when the line is closed or gone. */
  async stats(): Promise<VideoStats> {
    if (!this.#open) throw new Error("the video line is closed");
    const reply = await this.#slot.request((req) => ({ t: "stats", req, id: this.id }));
    if (reply.t !== "stats") throw new Error(`unexpected ${reply.t}`);
    return reply.stats;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose(this);
    // One on its way closes when it arrives; a thread that dies meanwhile has closed it, too.
    if (this.#moving) return;
    await this.#slot.request((req) => ({ t: "close", req, id: this.id })).catch(() => {});
  }

  /** The other half is gone; nothing follows. */
  lost(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose(this);
    this.emit("gone", reason);
  }
}
