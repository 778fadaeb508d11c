import { statSync } from "node:fs";

/** Watches files by looking at them: works on every file system, also where an editor or an ACME client replaces the file. */
export class FileWatch {
  #files: readonly string[];
  #seen = "";
  readonly #timer: NodeJS.Timeout;

  /** `changed` is called once after any of the files has changed and then stayed as it is for one round: pairs are written one after the other. */
  constructor(files: readonly string[], changed: () => void, everyMs = 5000) {
    this.#files = files;
    this.#seen = this.#look();
    let pending: string | null = null;
    this.#timer = setInterval(() => {
      const now = this.#look();
      if (now === this.#seen) pending = null;
      else if (now !== pending) pending = now;
      else {
        this.#seen = now;
        pending = null;
        changed();
      }
    }, everyMs);
    this.#timer.unref();
  }

  replace(files: readonly string[]): void {
    this.#files = files;
    this.#seen = this.#look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): string {
    return this.#files
      .map((file) => {
        try {
          const { mtimeMs, size, ino } = statSync(file);
          return `${mtimeMs}/${size}/${ino}`;
        } catch {
          return "none";
        }
      })
      .join();
  }
}
