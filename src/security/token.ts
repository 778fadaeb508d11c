import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { readIfThere, writePrivate } from "./files.ts";

/** Compares in a time that tells nothing: not of the content, and by hashing first not of the length. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** The admin token kept in the data folder, made at first; `file` is where. */
export function keptToken(dataFolder: string): { token: string; file: string; made: boolean } {
  const file = join(dataFolder, "admin-token");
  const kept = readIfThere(file)?.trim();
  if (kept && kept.length >= 16) return { token: kept, file, made: false };
  const token = randomBytes(24).toString("base64url");
  writePrivate(file, `${token}\n`);
  return { token, file, made: true };
}
