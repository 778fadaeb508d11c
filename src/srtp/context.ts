import { type AeadProvider, AeadTransform } from "./aead.ts";
import { CounterTransform } from "./counter.ts";
import { deriveSessionKeys } from "./derivation.ts";
import { GcmTransform } from "./gcm.ts";
import { checkKeying, type SrtpKeying } from "./keying.ts";
import type { SrtpTransform } from "./transform.ts";

const NO_MKI = new Uint8Array(0);

/** The transform a master key asks for, AES-GCM by `aead` where that can. Throws RangeError when its lengths are not its suite's. */
export function createTransform(keying: SrtpKeying, aead?: AeadProvider): SrtpTransform {
  checkKeying(keying);
  const { rtp, rtcp } = deriveSessionKeys(keying);
  const mki = keying.mki ?? NO_MKI;
  if (keying.suite.cipher === "cm") return new CounterTransform(keying.suite, rtp, rtcp, mki);
  const key = aead?.key(rtp.encryption);
  return key ? new AeadTransform(key, rtp.salt, rtcp, mki) : new GcmTransform(rtp, rtcp, mki);
}
