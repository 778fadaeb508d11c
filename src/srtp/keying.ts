import { randomBytes } from "node:crypto";
import { sameBytes } from "../base/secrets.ts";
import type { SrtpSuite } from "./suites.ts";

/** Master key of one direction, with the suite it is for. Never log one. */
export interface SrtpKeying {
  readonly suite: SrtpSuite;
  readonly masterKey: Uint8Array;
  readonly masterSalt: Uint8Array;
  /** Master key identifier carried by each packet, 1 to 128 bytes; none when absent. */
  readonly mki?: Uint8Array;
}

/** A fresh random master key and salt. */
export function generateKeying(suite: SrtpSuite): SrtpKeying {
  return { suite, masterKey: randomBytes(suite.keyLength), masterSalt: randomBytes(suite.saltLength) };
}

/** Whether two are the same key for the same suite, compared in constant time. A re-INVITE that repeats a key must not restart its context. */
export function sameKeying(a: SrtpKeying, b: SrtpKeying): boolean {
  const flat = ({ masterKey, masterSalt, mki }: SrtpKeying) => Buffer.concat([masterKey, masterSalt, mki ?? Buffer.alloc(0)]);
  const [x, y] = [flat(a), flat(b)];
  return a.suite === b.suite && sameBytes(x, y);
}

/** Throws RangeError when the lengths are not the suite's. */
export function checkKeying({ suite, masterKey, masterSalt, mki }: SrtpKeying): void {
  if (masterKey.length !== suite.keyLength) throw new RangeError(`${suite.name} takes a key of ${suite.keyLength} bytes`);
  if (masterSalt.length !== suite.saltLength) throw new RangeError(`${suite.name} takes a salt of ${suite.saltLength} bytes`);
  if (mki && (mki.length < 1 || mki.length > 128)) throw new RangeError("an MKI has 1 to 128 bytes");
}
