/** In-place FFT of a power of two. `inverse` gives the transform without the division by the length. */
export function fft(re: Float64Array, im: Float64Array, inverse = false): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j]!, re[i]!];
    [im[i], im[j]] = [im[j]!, im[i]!];
  }
  for (let size = 2; size <= n; size <<= 1) {
    const angle = ((inverse ? 2 : -2) * Math.PI) / size;
    const half = size >> 1;
    const [stepRe, stepIm] = [Math.cos(angle), Math.sin(angle)];
    let [wRe, wIm] = [1, 0];
    for (let k = 0; k < half; k++) {
      for (let i = k; i < n; i += size) {
        const j = i + half;
        const xr = re[j]! * wRe - im[j]! * wIm;
        const xi = re[j]! * wIm + im[j]! * wRe;
        re[j] = re[i]! - xr;
        im[j] = im[i]! - xi;
        re[i] = re[i]! + xr;
        im[i] = im[i]! + xi;
      }
      [wRe, wIm] = [wRe * stepRe - wIm * stepIm, wRe * stepIm + wIm * stepRe];
    }
  }
}

/** The lag, `from` to `to` samples, at which `heard` matches `said` best: `heard[i + lag]` is `said[i]`. By normalised cross-correlation. */
export function bestLag(said: Float64Array, heard: Float64Array, from: number, to: number): { lag: number; correlation: number } {
  const span = said.length + (to - from);
  let size = 1;
  while (size < span + said.length) size <<= 1;
  const [ar, ai, br, bi] = [new Float64Array(size), new Float64Array(size), new Float64Array(size), new Float64Array(size)];
  ar.set(said);
  for (let i = 0; i < span; i++) br[i] = heard[i + from] ?? 0;
  fft(ar, ai);
  fft(br, bi);
  for (let i = 0; i < size; i++) {
    const re = ar[i]! * br[i]! + ai[i]! * bi[i]!;
    ai[i] = ar[i]! * bi[i]! - ai[i]! * br[i]!;
    ar[i] = re;
  }
  fft(ar, ai, true);
  let energy = 0;
  for (let i = 0; i < said.length; i++) energy += (heard[i + from] ?? 0) ** 2;
  const own = said.reduce((sum, v) => sum + v * v, 0);
  let best = { lag: from, correlation: Number.NEGATIVE_INFINITY };
  for (let k = 0; k <= to - from; k++) {
    const correlation = ar[k]! / size / Math.sqrt(own * energy + 1);
    if (correlation > best.correlation) best = { lag: from + k, correlation };
    energy += (heard[from + k + said.length] ?? 0) ** 2 - (heard[from + k] ?? 0) ** 2;
  }
  return best;
}
