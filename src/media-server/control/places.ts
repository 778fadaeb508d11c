import { existsSync, lstatSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";

/** Where files may lie. */
export interface Folders {
  /** Of files that are played. */
  readonly play: readonly string[];
  /** Of recordings. */
  readonly record: readonly string[];
}

/**
 * Which files the event socket's clients may have played and recorded. Every name comes through here: relative and absolute ones, with `..` and links in
 * them. Without folders, all; what is no file's name (`http://`, `shout://`) never.
 */
export class Places {
  readonly #recordings: string;
  readonly #play: readonly string[] | undefined;
  readonly #record: readonly string[] | undefined;

  /** `recordings`: folder of recordings with a relative name. */
  constructor(recordings: string, folders: Folders | undefined) {
    this.#recordings = recordings;
    this.#play = folders?.play.map(real);
    this.#record = folders?.record.map(real);
  }

  /** Whether a file may be played; links in its name are followed. */
  playable(path: string): boolean {
    return this.#play === undefined || within(this.#play, real(resolve(path)));
  }

  /** The absolute name of a recording; undefined where it may not be. */
  recording(name: string): string | undefined {
    if (name.includes("://") || name.includes("\0")) return undefined;
    const path = isAbsolute(name) ? resolve(name) : join(this.#recordings, name);
    if (this.#record === undefined) return path;
    // a link in the file's own place would be written through
    return isLink(path) || !within(this.#record, real(path)) ? undefined : path;
  }
}

/** The name with every link in it followed, as far as it exists. */
function real(path: string): string {
  const whole = resolve(path);
  if (existsSync(whole)) return realpathSync(whole);
  const parent = dirname(whole);
  return parent === whole ? whole : join(real(parent), basename(whole));
}

function within(folders: readonly string[], path: string): boolean {
  return folders.some((folder) => path.startsWith(folder.endsWith(sep) ? folder : folder + sep));
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}
