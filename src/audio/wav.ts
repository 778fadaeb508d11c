import { ParseError } from "../base/errors.ts";
import { alawDecodeTable, ulawDecodeTable, ulawEncodeTable } from "./g711.ts";

/** A WAV file's sound, as 16-bit PCM. */
export interface WavSound {
  /** Hz, whatever the file says. */
  readonly sampleRate: number;
  /** Channels in the file; `pcm` is their mean. */
  readonly channels: number;
  readonly pcm: Int16Array;
}

const FORMAT_PCM = 1;
const FORMAT_ALAW = 6;
const FORMAT_ULAW = 7;
const FORMAT_EXTENSIBLE = 0xfffe;

/** Bytes of the header {@link wavHeader} makes. */
export const WAV_HEADER_BYTES = 44;

/**
 * Reads a RIFF/WAVE file: 8- and 16-bit PCM, A-law and µ-law, any rate and number of channels. A data chunk that claims more than there is (a recorder
 * that was cut off, a stream) gives what is there. Throws ParseError on anything else.
 */
export function readWav(bytes: Uint8Array): WavSound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || tag(0) !== "RIFF" || tag(8) !== "WAVE") throw new ParseError("not a RIFF/WAVE file", 0);
  let format: { kind: number; channels: number; sampleRate: number; bits: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (tag(at) === "fmt ") {
      if (size < 16 || body + size > bytes.length) throw new ParseError("fmt chunk is too short", at);
      let kind = view.getUint16(body, true);
      if (kind === FORMAT_EXTENSIBLE && size >= 40) kind = view.getUint16(body + 24, true);
      format = {
        kind,
        channels: view.getUint16(body + 2, true),
        sampleRate: view.getUint32(body + 4, true),
        bits: view.getUint16(body + 14, true),
      };
    } else if (tag(at) === "data") {
      if (!format) throw new ParseError("data before fmt", at);
      return toSound(view, body, Math.min(size, bytes.length - body), format);
    }
    at = body + size + (size & 1);
  }
  throw new ParseError("no data chunk", bytes.length);
}

function toSound(
  view: DataView,
  start: number,
  size: number,
  format: { kind: number; channels: number; sampleRate: number; bits: number },
): WavSound {
  const { kind, channels, sampleRate, bits } = format;
  if (channels < 1 || channels > 64 || sampleRate < 1)
    throw new ParseError(`impossible WAV: ${channels} channels at ${sampleRate} Hz`, start);
  const sample = sampleReader(view, kind, bits);
  if (!sample) throw new ParseError(`WAV format ${kind} with ${bits} bits is not supported`, start);
  const step = bits / 8;
  const count = Math.floor(size / (step * channels));
  const pcm = new Int16Array(count);
  for (let i = 0, at = start; i < count; i++) {
    let sum = 0;
    for (let c = 0; c < channels; c++, at += step) sum += sample(at);
    pcm[i] = sum / channels;
  }
  return { sampleRate, channels, pcm };
}

function sampleReader(view: DataView, kind: number, bits: number): ((at: number) => number) | undefined {
  if (kind === FORMAT_PCM && bits === 16) return (at) => view.getInt16(at, true);
  if (kind === FORMAT_PCM && bits === 8) return (at) => (view.getUint8(at) - 128) << 8;
  if (kind === FORMAT_ULAW && bits === 8) return (at) => ulawDecodeTable[view.getUint8(at)];
  if (kind === FORMAT_ALAW && bits === 8) return (at) => alawDecodeTable[view.getUint8(at)];
  return undefined;
}

/** The 44-byte header of 16-bit PCM. `dataBytes` is the length of the sound in bytes. */
export function wavHeader(sampleRate: number, channels: number, dataBytes: number): Uint8Array {
  const header = new Uint8Array(WAV_HEADER_BYTES);
  const view = new DataView(header.buffer);
  const tag = (at: number, text: string) =>
    header.set(
      [...text].map((c) => c.charCodeAt(0)),
      at,
    );
  tag(0, "RIFF");
  view.setUint32(4, 36 + dataBytes, true);
  tag(8, "WAVE");
  tag(12, "fmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, FORMAT_PCM, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  tag(36, "data");
  view.setUint32(40, dataBytes, true);
  return header;
}

/** PCM as little-endian bytes, as WAV has them; a copy. */
function pcmBytes(pcm: Int16Array): Uint8Array {
  const bytes = new Uint8Array(pcm.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < pcm.length; i++) view.setInt16(i * 2, pcm[i], true);
  return bytes;
}

/** A whole WAV file, mono unless said otherwise (then `pcm` is interleaved). */
export function writeWav(sampleRate: number, pcm: Int16Array, channels = 1): Uint8Array {
  const body = pcmBytes(pcm);
  const file = new Uint8Array(WAV_HEADER_BYTES + body.length);
  file.set(wavHeader(sampleRate, channels, body.length));
  file.set(body, WAV_HEADER_BYTES);
  return file;
}

/** A whole WAV file, mono, in µ-law: half the size, 37 dB to the noise, at any rate. */
export function writeUlawWav(sampleRate: number, pcm: Int16Array): Uint8Array {
  const header = 58; // as of 16-bit PCM, with the two chunks' additions for a format that is not PCM
  const file = new Uint8Array(header + pcm.length + (pcm.length & 1));
  const view = new DataView(file.buffer);
  file.set(wavHeader(sampleRate, 1, pcm.length).subarray(0, 36));
  view.setUint32(4, file.length - 8, true);
  view.setUint32(16, 18, true);
  view.setUint16(20, FORMAT_ULAW, true);
  view.setUint32(28, sampleRate, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  file.set(
    [..."fact"].map((c) => c.charCodeAt(0)),
    38,
  );
  view.setUint32(42, 4, true);
  view.setUint32(46, pcm.length, true);
  file.set(
    [..."data"].map((c) => c.charCodeAt(0)),
    50,
  );
  view.setUint32(54, pcm.length, true);
  for (let i = 0; i < pcm.length; i++) file[header + i] = ulawEncodeTable[pcm[i] & 0xffff];
  return file;
}

/**
 * Writes a WAV piece by piece without knowing where it goes. Write `start()` first, then each `add(pcm)`; at the end write `finish()` over the first 44
 * bytes. A file that is never finished still opens: its header claims the longest length there is.
 */
export class WavWriter {
  readonly #sampleRate: number;
  readonly #channels: number;
  #dataBytes = 0;

  constructor(sampleRate: number, channels = 1) {
    this.#sampleRate = sampleRate;
    this.#channels = channels;
  }

  /** Bytes of sound so far. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** Sound so far, milliseconds. */
  get duration(): number {
    return (this.#dataBytes * 1000) / (this.#sampleRate * this.#channels * 2);
  }

  start(): Uint8Array {
    return wavHeader(this.#sampleRate, this.#channels, 0xffffffff - 36);
  }

  add(pcm: Int16Array): Uint8Array {
    this.#dataBytes += pcm.length * 2;
    return pcmBytes(pcm);
  }

  finish(): Uint8Array {
    return wavHeader(this.#sampleRate, this.#channels, this.#dataBytes);
  }
}
