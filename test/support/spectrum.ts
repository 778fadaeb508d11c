/** Spectrum helpers: who plays which tone, and who hears it. PCM is mono Int16Array. */

/** A sine of `ms` milliseconds at `levelDb` dBFS (of its peak; 0 is full scale), starting at phase 0. */
export function tone(frequency: number, sampleRate: number, ms: number, levelDb = -12): Int16Array {
  const amplitude = 32767 * 10 ** (levelDb / 20);
  return Int16Array.from(
    { length: Math.round((sampleRate * ms) / 1000) },
    (_, i) => amplitude * Math.sin((2 * Math.PI * frequency * i) / sampleRate),
  );
}

/** The sum of several stretches of PCM, as long as the longest, clamped. */
export function sum(...parts: Int16Array[]): Int16Array {
  const out = new Int16Array(Math.max(...parts.map((p) => p.length)));
  for (let i = 0; i < out.length; i++) {
    let v = 0;
    for (const part of parts) v += part[i] ?? 0;
    out[i] = Math.max(-32768, Math.min(32767, v));
  }
  return out;
}

/** Joins stretches of PCM end to end. */
export function concat(parts: Iterable<Int16Array>): Int16Array {
  const list = [...parts];
  const out = new Int16Array(list.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of list) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Cuts PCM into 20 ms frames; a rest that is too short is left out. */
export function frames(pcm: Int16Array, sampleRate: number): Int16Array[] {
  const n = sampleRate / 50;
  return Array.from({ length: Math.floor(pcm.length / n) }, (_, i) => pcm.slice(i * n, (i + 1) * n));
}

/** Peak level in dBFS of the sine at `frequency` in `pcm`, Hann-windowed; about -100 when it is not there. A -12 dB `tone` measures -12. */
export function toneLevel(pcm: Int16Array, sampleRate: number, frequency: number): number {
  const n = pcm.length;
  let re = 0;
  let im = 0;
  let weight = 0;
  for (let i = 0; i < n; i++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / n);
    const phase = (2 * Math.PI * frequency * i) / sampleRate;
    re += window * pcm[i] * Math.cos(phase);
    im += window * pcm[i] * Math.sin(phase);
    weight += window;
  }
  const amplitude = (2 * Math.hypot(re, im)) / Math.max(weight, 1);
  return 20 * Math.log10(amplitude / 32767 + 1e-5);
}

/**
 * Which of `candidates` (hertz, 40 Hz or more apart) sound in `pcm` (100 ms or more) at `thresholdDb` dBFS or louder, in the candidates' order.
 * The threshold suits tones played at -12 or -20 dB through any codec.
 */
export function tonesIn(pcm: Int16Array, sampleRate: number, candidates: readonly number[], thresholdDb = -35): number[] {
  return candidates.filter((frequency) => toneLevel(pcm, sampleRate, frequency) >= thresholdDb);
}

/** Level of all of `pcm`, RMS in dBFS. */
export function rmsDb(pcm: Int16Array): number {
  let energy = 0;
  for (const v of pcm) energy += v * v;
  return 10 * Math.log10(energy / Math.max(1, pcm.length) / 32768 ** 2 + 1e-12);
}

/** Signal to noise ratio in dB of `actual` against `expected`, `actual` lagging by `delay` samples; compares what both have. */
export function snrDb(expected: Int16Array, actual: Int16Array, delay = 0): number {
  let signal = 0;
  let noise = 0;
  for (let i = 0; i < expected.length && i + delay < actual.length; i++) {
    signal += expected[i] ** 2;
    noise += (expected[i] - actual[i + delay]) ** 2;
  }
  return 10 * Math.log10(signal / Math.max(noise, 1e-9));
}

/** Power in dBFS of each of `bins` equal bands from 0 to Nyquist, by a Hann-windowed DFT of the first 2^k samples. */
export function powerSpectrum(pcm: Int16Array, bins = 64): Float64Array {
  const n = 2 ** Math.floor(Math.log2(pcm.length));
  const re = new Float64Array(n);
  const im = new Float64Array(n);
  for (let i = 0; i < n; i++) re[i] = (pcm[i] / 32768) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n));
  fft(re, im);
  const out = new Float64Array(bins);
  for (let k = 0; k < n / 2; k++) out[Math.floor((k * bins) / (n / 2))] += (2 * (re[k] ** 2 + im[k] ** 2)) / (n * n * 0.375);
  return out.map((p) => 10 * Math.log10(p + 1e-12));
}

/** In-place radix-2 transform. */
function fft(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = (-2 * Math.PI) / size;
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < size / 2; k++) {
        const wr = Math.cos(angle * k);
        const wi = Math.sin(angle * k);
        const a = start + k;
        const b = a + size / 2;
        const tr = wr * re[b] - wi * im[b];
        const ti = wr * im[b] + wi * re[b];
        re[b] = re[a] - tr;
        im[b] = im[a] - ti;
        re[a] += tr;
        im[a] += ti;
      }
    }
  }
}

/** Deterministic uniform noise in -1..1 (mulberry32), for speech-like and random test input. */
export function seededNoise(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2147483648 - 1;
  };
}
