/** What a network does to one packet: ms of delay beyond the least, or lost. */
export type Fate = number | "lost";

/** A pseudo-random number from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The networks, by the row's name: each makes the fate of packets one after the other. Packets may overtake each other. */
export const NETWORKS: Readonly<Record<string, (next: () => number) => () => Fate>> = {
  clean: () => () => 0,
  "5 % loss": (next) => () => (next() < 0.05 ? "lost" : 0),
  "jitter 25 ms": (next) => () => 25 * next(),
  "jitter ±25 ms": (next) => () => 50 * next(),
  // Gilbert's two states: bursts of three packets on average, 5 % in all
  "loss in bursts": (next) => {
    let bad = false;
    return () => {
      bad = bad ? next() >= 1 / 3 : next() < 0.05 / 0.95 / 3;
      return bad ? "lost" : 0;
    };
  },
  // once in 3 s on average everything is held up for 60 to 140 ms, and then comes at once
  "held in bursts": (next) => {
    let left = 0;
    return () => {
      if (left > 0) left -= 20;
      else if (next() < 1 / 150) left = 60 + 80 * next();
      return Math.max(0, left) + 2 * next();
    };
  },
};

/** The fate of `packets` packets; the same for each server. */
export function trace(network: string, packets: number, seed: number): Fate[] {
  const fate = NETWORKS[network]!(random(seed));
  return Array.from({ length: packets }, fate);
}
