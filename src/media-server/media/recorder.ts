import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { WAV_HEADER_BYTES, WavWriter } from "../../audio/wav.ts";
import type { RecordResult } from "../messages.ts";

/** PCM is written to the disk in pieces of this length. */
const PIECE_MS = 500;
/** A disk that does not keep up for so long ends the recording: memory is not its substitute. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

export interface RecorderOptions {
  readonly path: string;
  readonly rate: number;
  readonly channels: 1 | 2;
  /** Goes on behind what the file holds, when its format is the same. */
  readonly append?: boolean;
  /** 0 is none. */
  readonly limitMs: number;
}

/**
 * Writes a WAV file from frames of 20 ms. The tick only copies; the disk is written to behind its back. A disk that is full or gone ends the recording with a
 * message, and nothing else.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #writer: WavWriter;
  readonly #piece: Int16Array;
  readonly #done: (result: RecordResult) => void;
  #file: FileHandle | undefined;
  #filled = 0;
  #samples = 0;
  #position = WAV_HEADER_BYTES;
  #waiting = 0;
  #chain: Promise<void>;
  #ended = false;
  paused = false;

  /** `opened` is called when the file is there, `done` once at the end, when all is written. */
  constructor(options: RecorderOptions, opened: () => void, done: (result: RecordResult) => void) {
    this.#options = options;
    this.#writer = new WavWriter(options.rate, options.channels);
    this.#piece = new Int16Array(Math.round((options.rate * PIECE_MS) / 1000) * options.channels);
    this.#done = done;
    this.#chain = this.#open().then(opened, (error: unknown) => this.#fail("not-opened", error));
  }

  get ended(): boolean {
    return this.#ended;
  }

  async #open(): Promise<void> {
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true });
    if (this.#options.append) {
      const file = await open(path, "r+").catch(() => undefined);
      const size = file ? (await file.stat()).size : 0;
      if (file && size > WAV_HEADER_BYTES) {
        this.#file = file;
        this.#position = size;
        this.#writer.add(new Int16Array((size - WAV_HEADER_BYTES) >> 1));
        return;
      }
      await file?.close();
    }
    this.#file = await open(path, "w");
    await this.#file.write(this.#writer.start(), 0, WAV_HEADER_BYTES, 0);
  }

  /** Takes 20 ms (interleaved when stereo). */
  write(pcm: Int16Array): void {
    if (this.#ended || this.paused) return;
    let taken = 0;
    while (taken < pcm.length) {
      const n = Math.min(pcm.length - taken, this.#piece.length - this.#filled);
      this.#piece.set(pcm.subarray(taken, taken + n), this.#filled);
      this.#filled += n;
      taken += n;
      if (this.#filled === this.#piece.length) this.#flush();
    }
    this.#samples += pcm.length / this.#options.channels;
    const { limitMs, rate } = this.#options;
    if (limitMs > 0 && this.#samples * 1000 >= limitMs * rate) this.end("limit");
  }

  #flush(): void {
    if (this.#filled === 0) return;
    const bytes = this.#writer.add(this.#piece.subarray(0, this.#filled));
    this.#filled = 0;
    this.#waiting += bytes.length;
    if (this.#waiting > MAX_WAITING_BYTES) {
      this.#fail("error", new Error("the disk does not keep up"));
      return;
    }
    this.#chain = this.#chain.then(() => this.#put(bytes));
  }

  async #put(bytes: Uint8Array): Promise<void> {
    if (!this.#file) return;
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#position);
      this.#position += bytes.length;
      this.#waiting -= bytes.length;
    } catch (error) {
      this.#fail("error", error);
    }
  }

  /** Ends the recording; `done` follows when the file is whole. */
  end(reason: RecordResult["reason"]): void {
    if (this.#ended) return;
    this.#flush();
    if (this.#ended) return;
    this.#ended = true;
    this.#chain = this.#chain.then(() => this.#finish(reason));
  }

  #fail(reason: "error" | "not-opened", error: unknown): void {
    const message = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error);
    const first = !this.#ended;
    this.#ended = true;
    if (first) this.#chain = this.#chain.then(() => this.#finish(reason, message));
  }

  async #finish(reason: RecordResult["reason"], message?: string): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    let trouble = message;
    if (file) {
      try {
        await file.write(this.#writer.finish(), 0, WAV_HEADER_BYTES, 0);
      } catch (error) {
        trouble ??= error instanceof Error ? error.message : String(error);
      }
      await file.close().catch(() => {});
    }
    const result: RecordResult = { reason, samples: this.#samples, rate: this.#options.rate, bytes: this.#position };
    this.#done(trouble === undefined ? result : { ...result, message: trouble });
  }
}
