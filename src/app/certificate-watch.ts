import type { Logger } from "pino";
import type { Config } from "./config/config.ts";
import { FileWatch } from "./file-watch.ts";
import { readTlsMaterial, type TlsMaterial, warnOfExpiry, watchedFiles } from "./tls-material.ts";

const DAY_MS = 86_400_000;

/** The certificates in use: re-read when their files change or a reload asks for it, warned of a day at a time. */
export class CertificateWatch {
  readonly #logger: Logger;
  readonly #put: (tls: TlsMaterial, from: Config) => Promise<void>;
  readonly #watch: FileWatch;
  readonly #daily: NodeJS.Timeout;
  #config: Config;

  /** `put` gives certificates to every listener; what it rejects with leaves the old ones in use. */
  constructor(config: Config, logger: Logger, put: (tls: TlsMaterial, from: Config) => Promise<void>) {
    this.#config = config;
    this.#logger = logger;
    this.#put = put;
    this.#watch = new FileWatch(watchedFiles(config), () => {
      this.take().then(
        () => logger.info({ files: watchedFiles(this.#config) }, "certificates re-read"),
        (error: Error) => logger.error({ error: error.message }, "changed certificates cannot be used; the old ones stay"),
      );
    });
    warnOfExpiry(config, logger);
    this.#daily = setInterval(() => warnOfExpiry(this.#config, logger), DAY_MS).unref();
  }

  /** Reads the files of the configuration and puts them to use. Rejects, and has changed nothing, where they cannot be read. */
  async take(from: Config = this.#config): Promise<void> {
    const next = readTlsMaterial(from);
    if (!next) return;
    await this.#put(next, from);
    warnOfExpiry(from, this.#logger);
  }

  /** Watches the files that there are now; those of another configuration from now on. */
  follow(config: Config = this.#config): void {
    this.#config = config;
    this.#watch.replace(watchedFiles(config));
  }

  close(): void {
    this.#watch.close();
    clearInterval(this.#daily);
  }
}
