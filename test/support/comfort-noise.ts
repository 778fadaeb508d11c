/** What a peer that sends comfort noise (RFC 3389) makes of its background. */

/** Coefficients of a payload at most. */
const MAX_ORDER = 10;

/** The CN payload that describes background noise: its level, and with `order` its colour. `pcm` should be 20 ms or more. */
export function describeNoise(pcm: Int16Array, order = 0): Uint8Array {
  const n = pcm.length;
  const lags = Math.min(order, MAX_ORDER);
  const r = new Float64Array(lags + 1);
  for (let lag = 0; lag <= lags; lag++) for (let i = lag; i < n; i++) r[lag] += pcm[i] * pcm[i - lag];
  const payload = new Uint8Array(1 + lags);
  const rms = Math.sqrt(r[0] / Math.max(1, n)) / 32768;
  payload[0] = Math.max(0, Math.min(127, Math.round(-20 * Math.log10(rms + 1e-7))));
  reflections(r).forEach((k, i) => {
    payload[1 + i] = Math.max(0, Math.min(254, Math.round((k * 32768) / 258) + 127));
  });
  return payload;
}

/** Levinson-Durbin: reflection coefficients from autocorrelation, with the sign of an all-pole lattice. */
function reflections(r: Float64Array): number[] {
  const out: number[] = [];
  let error = r[0] * 1.0001 + 1e-9;
  let a: number[] = [];
  for (let i = 1; i < r.length; i++) {
    let sum = r[i];
    for (let j = 0; j < a.length; j++) sum += a[j] * r[i - 1 - j];
    const k = -sum / error;
    a = [...a.map((value, j) => value + k * a[a.length - 1 - j]), k];
    error *= 1 - k * k;
    out.push(k);
  }
  return out;
}
