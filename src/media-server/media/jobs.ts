import type { SampleRate } from "../../audio/format.ts";
import { Resampler } from "../../audio/resampler.ts";
import type { FromMedia, PlayResult, RecordResult } from "../messages.ts";
import { Recorder, type RecorderOptions } from "./recorder.ts";
import type { SourceLoader } from "./sources/files.ts";
import type { Source } from "./sources/source.ts";

/** Says things to the control thread. */
export type Tell = (message: FromMedia) => void;

/** What the control thread may do to a playback or recording. */
export interface Controlled {
  stop(): void;
  pause?(paused: boolean): void;
}

/** A source that is being played somewhere: opened behind the tick's back, silence until it is there. */
export class Playback implements Controlled {
  readonly job: number;
  readonly #tell: Tell;
  readonly #onEnd: () => void;
  readonly #rate: SampleRate;
  readonly #seek: number;
  #source: Source | undefined;
  #left: number;
  #position = 0;
  #ended = false;

  constructor(options: {
    job: number;
    spec: string;
    rate: SampleRate;
    seek?: number;
    timeoutMs?: number;
    loader: SourceLoader;
    tell: Tell;
    onEnd: () => void;
  }) {
    this.job = options.job;
    this.#tell = options.tell;
    this.#onEnd = options.onEnd;
    this.#rate = options.rate;
    this.#seek = options.seek ?? 0;
    this.#left = options.timeoutMs ? Math.round((options.timeoutMs * options.rate) / 1000) : Number.POSITIVE_INFINITY;
    options.loader.open(options.spec, options.rate, this.#seek).then(
      (source) => {
        if (this.#ended) return;
        this.#source = source;
        this.#tell({ t: "play-started", job: this.job });
      },
      (error: unknown) => this.#end("not-found", error instanceof Error ? error.message : String(error)),
    );
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The next 20 ms into `out` (at the rate it was opened for); false once it has ended. Silence while the file is being read. */
  read(out: Int16Array): boolean {
    if (this.#ended) return false;
    const source = this.#source;
    if (!source) {
      out.fill(0);
      return true;
    }
    const n = source.read(out);
    if (n === 0) {
      this.#end("done");
      return false;
    }
    this.#position += out.length;
    this.#left -= out.length;
    if (this.#left <= 0) this.#end("timeout");
    return true;
  }

  stop(): void {
    this.#end("stopped");
  }

  #end(reason: PlayResult["reason"], message?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const source = this.#source;
    const result: PlayResult = {
      reason,
      samplesIn: source?.samplesIn ?? 0,
      nativeRate: source?.nativeRate ?? this.#rate,
      position: this.#seek + this.#position,
      ...(message === undefined ? {} : { message }),
    };
    this.#source = undefined;
    this.#tell({ t: "played", job: this.job, result });
    this.#onEnd();
  }
}

/** A recording of one stream, with what ends it by itself. */
export class Recording implements Controlled {
  readonly job: number;
  readonly rate: number;
  readonly #recorder: Recorder;
  readonly #silence: { threshold: number; hits: number } | undefined;
  #quiet = 0;

  constructor(job: number, options: RecorderOptions & { silenceThreshold?: number; silenceHits?: number }, tell: Tell, onEnd: () => void) {
    this.job = job;
    this.rate = options.rate;
    this.#silence = options.silenceThreshold ? { threshold: options.silenceThreshold, hits: options.silenceHits || 50 } : undefined;
    this.#recorder = new Recorder(
      options,
      () => tell({ t: "record-started", job }),
      (result: RecordResult) => {
        tell({ t: "recorded", job, result });
        onEnd();
      },
    );
  }

  get ended(): boolean {
    return this.#recorder.ended;
  }

  /** Takes 20 ms. */
  write(pcm: Int16Array): void {
    this.#recorder.write(pcm);
    const silence = this.#silence;
    if (!silence) return;
    let sum = 0;
    for (let i = 0; i < pcm.length; i++) sum += pcm[i]! < 0 ? -pcm[i]! : pcm[i]!;
    this.#quiet = sum / pcm.length < silence.threshold ? this.#quiet + 1 : 0;
    if (this.#quiet >= silence.hits) this.#recorder.end("silence");
  }

  stop(): void {
    this.#recorder.end("stopped");
  }
  hangup(): void {
    this.#recorder.end("hangup");
  }
  pause(paused: boolean): void {
    this.#recorder.paused = paused;
  }
}

/** Frames of 20 ms from one rate to another; made when first needed. */
export class FrameRate {
  #resampler: Resampler | undefined;
  #out: Int16Array | undefined;

  /** `pcm` (20 ms at `from`) at `to`: itself where they are the same, else a buffer that is valid until the next call. */
  convert(pcm: Int16Array, from: SampleRate, to: SampleRate): Int16Array {
    if (from === to) return pcm;
    if (this.#resampler?.from !== from || this.#resampler.to !== to) {
      this.#resampler = new Resampler(from, to);
      this.#out = new Int16Array(to / 50);
    }
    const out = this.#out!;
    this.#resampler.process(pcm, out);
    return out;
  }
}
