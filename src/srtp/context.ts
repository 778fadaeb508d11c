import { CounterTransform } from "./counter.ts";
import { deriveSessionKeys } from "./derivation.ts";
import { GcmTransform } from "./gcm.ts";
import { checkKeying, type SrtpKeying } from "./keying.ts";
import type { SrtpTransform } from "./transform.ts";

const NO_MKI = new Uint8Array(0);

/** The transform a master key asks for. Throws RangeError when its lengths are not its suite's. */
export function createTransform(keying: SrtpKeying): SrtpTransform {
  checkKeying(keying);
  const { rtp, rtcp } = deriveSessionKeys(keying);
  const mki = keying.mki ?? NO_MKI;
  return keying.suite.cipher === "gcm" ? new GcmTransform(rtp, rtcp, mki) : new CounterTransform(keying.suite, rtp, rtcp, mki);
}
