/** Milliseconds on a monotonic scale; the zero is arbitrary. Branded so that wall time never slips in. */
export type Millis = number & { readonly __unit?: "monotonic-ms" };

/** The only way a driver learns the time; machines get `now` as an argument instead. */
export interface Clock {
  /** Monotonic milliseconds, with fractions. Never jumps when the wall clock is set. */
  now(): Millis;
  /** Wall time in milliseconds since 1970, for records, logs and NTP stamps only. */
  wall(): number;
}

/** The process's clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
};
