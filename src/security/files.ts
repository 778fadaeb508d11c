import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

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

/**
 * Makes sure that a SQLite database, and what lies beside it (write-ahead log, shared memory, journal, copies), is for its owner only. SQLite gives
 * files that it makes later the mode of the database.
 */
export function privateDatabase(file: string): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  closeSync(openSync(file, "a", 0o600));
  for (const name of readdirSync(folder)) if (name.startsWith(basename(file))) narrow(join(folder, name), 0o600);
}

/** Closes a data folder to everybody else. A folder shared by all (`/tmp`), or one that holds only what is not ours, stays as it is. */
export function privateFolder(folder: string, ours: (name: string) => boolean): void {
  const { mode } = statSync(folder);
  const names = readdirSync(folder);
  if ((mode & 0o1000) === 0 && (names.length === 0 || names.some(ours))) narrow(folder, 0o700);
}

/** A file of somebody else stays as it is. */
function narrow(path: string, most: number): void {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o777 & ~most) !== 0) chmodSync(path, mode & most);
  } catch (error) {
    if (!["EPERM", "ENOENT", "EROFS"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
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
