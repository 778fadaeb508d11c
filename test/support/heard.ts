import type { Baresip } from "./baresip.ts";
import { tonesIn } from "./spectrum.ts";

/** PCM of a 16-bit WAV that may still be growing: its header's lengths are not believed. */
export function pcmOf(wav: Buffer): { pcm: Int16Array; sampleRate: number } {
  const data = wav.indexOf("data", 12, "latin1");
  if (data < 0) throw new Error("no data chunk in a recording");
  const channels = wav.readUInt16LE(22);
  const bytes = wav.subarray(data + 8);
  const pcm = new Int16Array(Math.floor(bytes.length / 2 / channels));
  for (let index = 0; index < pcm.length; index++) pcm[index] = bytes.readInt16LE(index * 2 * channels);
  return { pcm, sampleRate: wav.readUInt32LE(24) };
}

/** Which of the tones a baresip has heard in the last `seconds` of its current (or last) call. */
export function tonesHeard(peer: Baresip, candidates: readonly number[], seconds = 3): number[] {
  const last = peer.heard().at(-1);
  if (last === undefined) throw new Error("baresip has recorded nothing");
  const { pcm, sampleRate } = pcmOf(last);
  return tonesIn(pcm.subarray(Math.max(0, pcm.length - seconds * sampleRate)), sampleRate, candidates);
}
