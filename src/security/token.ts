import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readIfThere, writePrivate } from "./files.ts";

/** The admin token kept in the data folder, made at first; `file` is where. */
export function keptToken(dataFolder: string): { token: string; file: string; made: boolean } {
  const file = join(dataFolder, "admin-token");
  const kept = readIfThere(file)?.trim();
  if (kept && kept.length >= 16) return { token: kept, file, made: false };
  const token = randomBytes(24).toString("base64url");
  writePrivate(file, `${token}\n`);
  return { token, file, made: true };
}
