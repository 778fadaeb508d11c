import { readFile, stat } from "node:fs/promises";
import type { SampleRate } from "../../../audio/format.ts";
import { Resampler } from "../../../audio/resampler.ts";
import { readWav } from "../../../audio/wav.ts";
import { MusicSource, PcmSource, SequenceSource, SilenceSource, type Source } from "./source.ts";
import { parseTones, ToneSource } from "./tones.ts";

/** A file's sound at one rate. */
interface Loaded {
  readonly pcm: Int16Array;
  readonly nativeRate: number;
}

/** Files beyond this are refused: nothing that is played to callers is hours long. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;
/** What the cache may hold. The same prompts are played to everybody. */
const CACHE_BYTES = 96 * 1024 * 1024;

/** Opens what is to be played. Files are read whole, once, and kept at the rates they are asked for, so that no tick waits for a disk. */
export class SourceLoader {
  readonly #cache = new Map<string, { loaded: Loaded; version: string }>();
  readonly #now: () => number;
  #bytes = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The source at a leg's rate. Rejects when there is no such file, or it is no WAV. `seek` is in the file's samples. */
  async open(spec: string, rate: SampleRate, seek = 0): Promise<Source> {
    const silence = /^silence_stream:\/\/(-?\d+)/i.exec(spec);
    if (silence) return new SilenceSource(rate, Number(silence[1]));
    const tone = /^tone_stream:\/\/(.*)$/is.exec(spec);
    if (tone) {
      const script = parseTones(tone[1] ?? "");
      if (!script) throw new Error("a tone script without tones");
      return new ToneSource(script, rate);
    }
    const parts = /^file_string:\/\/(.*)$/is.exec(spec);
    if (parts) return new SequenceSource(await Promise.all((parts[1] ?? "").split("!").map((part) => this.open(part, rate))));
    const music = /^music:\/\/(.*)$/s.exec(spec);
    if (music) return new MusicSource((await this.#load(music[1] ?? "", rate)).pcm, rate, this.#now);
    const { pcm, nativeRate } = await this.#load(spec, rate);
    return new PcmSource(pcm, rate, nativeRate, { seek });
  }

  async #load(path: string, rate: SampleRate): Promise<Loaded> {
    const { size, mtimeMs } = await stat(path);
    if (size > MAX_FILE_BYTES) throw new Error(`${path} is larger than ${MAX_FILE_BYTES} bytes`);
    const key = `${rate} ${path}`;
    const version = `${size} ${mtimeMs}`;
    const known = this.#cache.get(key);
    if (known?.version === version) {
      // Least recently used goes first: what is used goes to the end.
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return known.loaded;
    }
    const sound = readWav(await readFile(path));
    const loaded = { pcm: toRate(sound.pcm, sound.sampleRate, rate), nativeRate: sound.sampleRate };
    this.#keep(key, { loaded, version });
    return loaded;
  }

  #keep(key: string, entry: { loaded: Loaded; version: string }): void {
    const old = this.#cache.get(key);
    if (old) this.#bytes -= old.loaded.pcm.byteLength;
    this.#cache.delete(key);
    const { byteLength } = entry.loaded.pcm;
    if (byteLength > CACHE_BYTES / 2) return;
    this.#cache.set(key, entry);
    this.#bytes += byteLength;
    for (const [other, { loaded }] of this.#cache) {
      if (this.#bytes <= CACHE_BYTES) break;
      this.#cache.delete(other);
      this.#bytes -= loaded.pcm.byteLength;
    }
  }
}

/** A whole sound at another rate: by the filter bank where it has the ratio, else by straight lines between samples. */
export function toRate(pcm: Int16Array, from: number, to: SampleRate): Int16Array {
  if (from === to) return pcm;
  if (from === 8000 || from === 16000 || from === 48000) {
    const down = from > to ? from / to : 1;
    const whole = pcm.subarray(0, pcm.length - (pcm.length % down));
    if (Number.isInteger(from / to) || Number.isInteger(to / from)) {
      const resampler = new Resampler(from, to);
      const out = new Int16Array(resampler.outputLength(whole.length));
      resampler.process(whole, out);
      return out;
    }
  }
  const out = new Int16Array(Math.floor((pcm.length * to) / from));
  for (let i = 0; i < out.length; i++) {
    const x = (i * from) / to;
    const at = Math.floor(x);
    const a = pcm[at] ?? 0;
    out[i] = Math.round(a + ((pcm[at + 1] ?? a) - a) * (x - at));
  }
  return out;
}
