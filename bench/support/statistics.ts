/** The value below which `fraction` (0 to 1) of the sorted copy lies; NaN of nothing. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}

/** Resident memory of a process in bytes, from /proc. */
export function residentOf(statm: string): number {
  return Number(statm.split(" ")[1]) * 4096;
}
