import { EventEmitter } from "node:events";
import type { LineAgreement, RelayLine, RelayLineEvents, VideoStats } from "../video/index.ts";
import { packAgreement } from "./messages.ts";
import type { ThreadSlot } from "./thread.ts";

/** A line as the port shows it; its other half is on a thread. */
export class RemoteLine extends EventEmitter<RelayLineEvents> implements RelayLine {
  readonly id: string;
  readonly local: { readonly address: string; readonly port: number; readonly rtcpPort: number };
  readonly slot: ThreadSlot;
  readonly #onClose: (line: RemoteLine) => void;
  #open = true;

  constructor(id: string, slot: ThreadSlot, local: RemoteLine["local"], onClose: (line: RemoteLine) => void) {
    super();
    this.id = id;
    this.slot = slot;
    this.local = local;
    this.#onClose = onClose;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  configure(agreement: LineAgreement): void {
    if (this.#open) this.slot.post({ t: "configure", id: this.id, agreement: packAgreement(agreement) });
  }

  requestKeyframe(): void {
    if (this.#open) this.slot.post({ t: "keyframe", id: this.id });
  }

  limit(bitsPerSecond: number | null): void {
    if (this.#open) this.slot.post({ t: "limit", id: this.id, bitsPerSecond });
  }

  /** Rejects when the line is closed or gone. */
  async stats(): Promise<VideoStats> {
    if (!this.#open) throw new Error("the video line is closed");
    const reply = await this.slot.request((req) => ({ t: "stats", req, id: this.id }));
    if (reply.t !== "stats") throw new Error(`unexpected ${reply.t}`);
    return reply.stats;
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose(this);
    // A thread that dies meanwhile has closed it, too.
    await this.slot.request((req) => ({ t: "close", req, id: this.id })).catch(() => {});
  }

  /** The other half is gone; nothing follows. */
  lost(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#onClose(this);
    this.emit("gone", reason);
  }
}
