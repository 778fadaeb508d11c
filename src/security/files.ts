import { chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file that only its owner may read (0600), in one step: readers see the old one or the new one. */
export function writePrivate(file: string, text: string): void {
  writeWhole(file, text, 0o600);
}

/** Writes a file that anybody may read, in one step. */
export function writePublic(file: string, text: string): void {
  writeWhole(file, text, 0o644);
}

function writeWhole(file: string, text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, text, { mode });
  // The mode above is narrowed by the umask, and kept of a file that was there.
  chmodSync(draft, mode);
  renameSync(draft, file);
}

/** The file's text, or null where there is no such file. Other failures are thrown. */
export function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** A file system error in words, without the path that it repeats. */
export function unreadable(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "may not be read by this user";
  if (code === "EISDIR") return "is a folder, not a file";
  return `cannot be read (${code ?? (error as Error).message})`;
}

/** Whether others than its owner may read a file; false where that cannot be told. */
export function readableByOthers(file: string): boolean {
  try {
    return process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0;
  } catch {
    return false;
  }
}
