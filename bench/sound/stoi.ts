import { fft } from "./fourier.ts";

/**
 * Short-time objective intelligibility: C. H. Taal, R. C. Hendriks, R. Heusdens, J. Jensen, "An Algorithm for Intelligibility Prediction of Time-Frequency
 * Weighted Noisy Speech", IEEE Transactions on Audio, Speech and Language Processing 19(7), 2011. The names are the paper's.
 */
const RATE = 10_000;
const FRAME = 256;
const NFFT = 512;
const BANDS = 15;
const FIRST_CENTRE = 150;
/** Frames of a segment: 384 ms. */
const N = 30;
/** Lower bound of the signal-to-distortion ratio, dB. */
const BETA = -15;
/** Frames quieter than this under the loudest are left out. */
const DYN_RANGE = 40;

const window = Float64Array.from({ length: FRAME }, (_, i) => 0.5 * (1 - Math.cos((2 * Math.PI * (i + 1)) / (FRAME + 1))));

/** Bins of each one-third octave band, the second bound not included. */
const bands: readonly (readonly [number, number])[] = Array.from({ length: BANDS }, (_, k) => {
  const nearest = (frequency: number) => Math.round((frequency * NFFT) / RATE);
  return [nearest(FIRST_CENTRE * 2 ** ((2 * k - 1) / 6)), nearest(FIRST_CENTRE * 2 ** ((2 * k + 1) / 6))];
});

/** Sinc with a Kaiser window, from any rate to 10 kHz. */
function resample(pcm: Float64Array, rate: number): Float64Array {
  const ratio = RATE / rate;
  const cutoff = Math.min(1, ratio);
  const half = Math.ceil(32 / cutoff);
  const bessel = (x: number) => {
    let [sum, term] = [1, 1];
    for (let k = 1; term > 1e-12 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
    return sum;
  };
  // A ratio of small whole numbers has few phases: their taps are computed once.
  const taps = new Map<number, Float64Array>();
  const out = new Float64Array(Math.floor(pcm.length * ratio));
  for (let o = 0; o < out.length; o++) {
    const at = o / ratio;
    const first = Math.floor(at) - half + 1;
    const phase = Math.round((at - Math.floor(at)) * 1e6);
    let row = taps.get(phase);
    if (!row) {
      row = Float64Array.from({ length: 2 * half }, (_, k) => {
        const t = first + k - at;
        const x = Math.PI * t * cutoff;
        const w = bessel(8 * Math.sqrt(Math.max(0, 1 - (t / half) ** 2))) / bessel(8);
        return cutoff * (Math.abs(x) < 1e-9 ? 1 : Math.sin(x) / x) * w;
      });
      taps.set(phase, row);
    }
    let sum = 0;
    for (let k = 0; k < row.length; k++) sum += row[k]! * (pcm[first + k] ?? 0);
    out[o] = sum;
  }
  return out;
}

/** Leaves out the frames in which `x` is silent, from both. */
function removeSilentFrames(x: Float64Array, y: Float64Array): [Float64Array, Float64Array] {
  const starts: number[] = [];
  for (let at = 0; at <= x.length - FRAME; at += FRAME / 2) starts.push(at);
  const level = starts.map((at) => {
    let sum = 0;
    for (let i = 0; i < FRAME; i++) sum += (window[i]! * x[at + i]!) ** 2;
    return 10 * Math.log10(sum + 1e-20);
  });
  const loudest = level.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const kept = starts.filter((_, k) => level[k]! > loudest - DYN_RANGE);
  const join = (signal: Float64Array) => {
    const out = new Float64Array(kept.length === 0 ? 0 : (kept.length - 1) * (FRAME / 2) + FRAME);
    for (const [k, at] of kept.entries()) for (let i = 0; i < FRAME; i++) out[(k * FRAME) / 2 + i]! += window[i]! * signal[at + i]!;
    return out;
  };
  return [join(x), join(y)];
}

/** Norms of the bands by frame. */
function thirdOctaves(signal: Float64Array): Float64Array[] {
  const out: Float64Array[] = [];
  const [re, im] = [new Float64Array(NFFT), new Float64Array(NFFT)];
  for (let at = 0; at < signal.length - FRAME; at += FRAME / 2) {
    re.fill(0);
    im.fill(0);
    for (let i = 0; i < FRAME; i++) re[i] = window[i]! * signal[at + i]!;
    fft(re, im);
    out.push(
      Float64Array.from(bands, ([low, high]) => {
        let sum = 0;
        for (let k = low; k < high; k++) sum += re[k]! ** 2 + im[k]! ** 2;
        return Math.sqrt(sum);
      }),
    );
  }
  return out;
}

function correlation(x: Float64Array, y: Float64Array): number {
  const mean = (v: Float64Array) => v.reduce((a, b) => a + b, 0) / v.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i]! - mx) * (y[i]! - my);
    xx += (x[i]! - mx) ** 2;
    yy += (y[i]! - my) ** 2;
  }
  return xy / (Math.sqrt(xx * yy) + 1e-20);
}

/** STOI of `degraded` against `clean`, sample-aligned, both at `rate` Hz: 0 to 1; NaN for less than 384 ms of speech. */
export function stoi(clean: Float64Array, degraded: Float64Array, rate: number): number {
  const length = Math.min(clean.length, degraded.length);
  const [x, y] = removeSilentFrames(resample(clean.subarray(0, length), rate), resample(degraded.subarray(0, length), rate)).map(
    thirdOctaves,
  ) as [Float64Array[], Float64Array[]];
  const clip = 1 + 10 ** (-BETA / 20);
  let [sum, count] = [0, 0];
  const [xs, ys] = [new Float64Array(N), new Float64Array(N)];
  for (let m = N; m <= x.length; m++) {
    for (let j = 0; j < BANDS; j++) {
      let [ex, ey] = [0, 0];
      for (let n = 0; n < N; n++) {
        xs[n] = x[m - N + n]![j]!;
        ys[n] = y[m - N + n]![j]!;
        ex += xs[n]! ** 2;
        ey += ys[n]! ** 2;
      }
      const alpha = Math.sqrt(ex) / (Math.sqrt(ey) + 1e-20);
      for (let n = 0; n < N; n++) ys[n] = Math.min(alpha * ys[n]!, clip * xs[n]!);
      sum += correlation(xs, ys);
      count++;
    }
  }
  return sum / count;
}
