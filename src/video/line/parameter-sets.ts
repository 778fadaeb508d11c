import { eachNalUnit, NalType, parseSps, type SequenceParameters } from "../../wire/rtp/index.ts";

/** More ids than any encoder uses at once, and the longest set that is kept: what a sender can make us remember has an end. */
const MAX_SETS = 8;
const MAX_LENGTH = 512;

/**
 * The H.264 parameter sets a sender last sent, by id, so that they can be sent again before a key frame that comes without them: many senders
 * send them once at the beginning, or only in SDP.
 */
export class ParameterSets {
  readonly #sps = new Map<number, Uint8Array>();
  readonly #pps = new Map<number, Uint8Array>();
  /** What the newest sequence parameter set says. */
  picture: SequenceParameters | undefined;

  /** Remembers the sets in a payload [from, to). */
  take(bytes: Uint8Array, from: number, to: number): void {
    eachNalUnit(bytes, from, to, (start, end) => this.#takeUnit(bytes.subarray(start, end)));
  }

  /** Remembers the sets of an `sprop-parameter-sets` value, RFC 6184 section 8.1, unless the stream has brought some. */
  takeSdp(value: string): void {
    if (this.#sps.size > 0) return;
    for (const set of value.slice(0, 4096).split(",")) this.#takeUnit(Buffer.from(set, "base64"));
  }

  #takeUnit(nal: Uint8Array): void {
    if (nal.length < 2 || nal.length > MAX_LENGTH) return;
    const type = nal[0]! & 0x1f;
    if (type === NalType.Sps) {
      const picture = parseSps(nal);
      if (!picture) return;
      this.picture = picture;
      keep(this.#sps, expGolomb(nal, 4), nal);
    } else if (type === NalType.Pps) keep(this.#pps, expGolomb(nal, 1), nal);
  }

  /** Everything that must precede a picture: sequence parameter sets, then picture parameter sets. Empty when either kind is missing. */
  all(): readonly Uint8Array[] {
    return this.#sps.size > 0 && this.#pps.size > 0 ? [...this.#sps.values(), ...this.#pps.values()] : [];
  }
}

function keep(sets: Map<number, Uint8Array>, id: number, nal: Uint8Array): void {
  const known = sets.get(id);
  if (known && Buffer.compare(known, nal) === 0) return;
  if (!known && sets.size >= MAX_SETS) sets.delete(sets.keys().next().value!);
  sets.set(id, new Uint8Array(nal));
}

/** ue(v) at a byte's first bit: ids are small, two bytes hold them. */
function expGolomb(bytes: Uint8Array, at: number): number {
  const window = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const zeros = Math.clz32(window) - 16;
  return zeros > 7 ? 0 : (window >> (15 - 2 * zeros)) - 1;
}
