import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import type { Challenge } from "../security/acme/challenges.ts";
import { AcmeFolder, acmeFolder } from "../security/acme/folder.ts";
import { issueByAcme } from "../security/acme/issue.ts";
import { Renewal } from "../security/acme/renewal.ts";
import { type AcmeConfig, acmeDoors, acmeListeners, acmePort } from "./acme-standing.ts";
import type { Config } from "./config/config.ts";

export interface AcmeOptions {
  readonly logger: Logger;
  /** Puts a new certificate into use; rejects when it cannot be used. */
  apply(): Promise<void>;
  /** What the listeners of the gateway that answer challenges are to answer from now on. */
  show(challenges: readonly Challenge[]): Promise<void>;
  /** Counts tries. */
  tried(result: "renewed" | "failed"): void;
}

/** Looked at anew so often at least, ms: the wall clock may be set. */
const LOOK = 3_600_000;

/**
 * Makes sure that the TLS listeners can be opened before the first certificate is there: a self-signed one stands in, which nobody trusts. Returns whether it was made.
 */
export async function standInForAcme(config: Config): Promise<boolean> {
  const { acme } = config.certificates;
  if (acme === undefined) return false;
  const folder = new AcmeFolder(acmeFolder(config.data));
  if (folder.usable) return false;
  const { createAuthority, issueCertificate } = await import("../security/issue.ts");
  const authority = await createAuthority({ subject: { commonName: "Crosspoint: until ACME issues one" }, kind: "ecdsa-p256", days: 30 });
  const [commonName = "crosspoint", ...names] = acme.domains;
  folder.standIn(await issueCertificate(authority, { subject: { commonName, names }, kind: acme.key, days: 30 }));
  return true;
}

/** Has the certificate of `certificates.acme` issued and renewed while the gateway runs. */
export class AcmeRenewal {
  readonly #options: AcmeOptions;
  readonly #renewal = new Renewal();
  #config: Config;
  #timer: NodeJS.Timeout | undefined;
  #asking = false;
  #closed = false;

  constructor(config: Config, options: AcmeOptions) {
    this.#config = config;
    this.#options = options;
    this.#look();
    this.#schedule();
  }

  /** Takes another configuration, and tries at once where a try has failed. */
  reload(config: Config): void {
    this.#config = config;
    this.#look();
    this.#renewal.handle({ type: "retry" }, Date.now());
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** What is there for what is configured. */
  #look(): void {
    const { certificates, data } = this.#config;
    const { acme } = certificates;
    if (acme === undefined) return;
    const { validity } = new AcmeFolder(acmeFolder(data)).standing(acme);
    this.#renewal.handle(validity === null ? { type: "none" } : { type: "certificate", validity }, Date.now());
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { acme } = this.#config.certificates;
    if (this.#closed || this.#asking || acme === undefined) return;
    const wait = this.#renewal.nextTimeout() - Date.now();
    this.#timer = setTimeout(() => (wait > LOOK ? this.#schedule() : void this.#ask(acme)), Math.min(Math.max(wait, 0), LOOK));
    this.#timer.unref();
  }

  async #ask(acme: AcmeConfig): Promise<void> {
    const { data, listen } = this.#config;
    const folder = new AcmeFolder(acmeFolder(data));
    const { logger } = this.#options;
    const port = acmePort(this.#config, acme);
    let closed: string | undefined;
    const listeners = {
      show: (challenges: readonly Challenge[]) => this.#options.show(challenges),
      alone: (error: Error) => {
        closed = `port ${port} cannot be opened (${(error as NodeJS.ErrnoException).code ?? error.message}): only ${acmeDoors(this.#config, { ...acme, port: null })} answers`;
        logger.warn({ event: "certificate-port-closed", domains: acme.domains, port }, closed);
      },
    };
    this.#asking = true;
    try {
      const made = await issueByAcme({
        ...acme,
        listen: port === null ? undefined : { host: listen, port },
        listeners: acmeListeners(this.#config, acme).length > 0 ? listeners : undefined,
        ca: acme.ca === undefined ? undefined : readFileSync(acme.ca, "utf8"),
        accountFile: folder.accountFile,
      });
      if (this.#closed) return;
      const validity = folder.keep(made, acme);
      await this.#options.apply();
      this.#renewal.handle({ type: "certificate", validity }, Date.now());
      this.#options.tried("renewed");
      logger.info(
        {
          event: "certificate-renewed",
          domains: acme.domains,
          validUntil: new Date(validity.to).toISOString(),
          nextRenewal: new Date(this.#renewal.nextTimeout()).toISOString(),
        },
        "certificate issued, with a new key",
      );
    } catch (error) {
      if (this.#closed) return;
      const now = Date.now();
      this.#renewal.handle({ type: "failed" }, now);
      const { failures } = this.#renewal;
      const next = this.#renewal.nextTimeout();
      const reason = closed === undefined ? wordsOf(error) : `${wordsOf(error)} (${closed})`;
      this.#options.tried("failed");
      logger.error(
        { event: "certificate-renewal-failed", domains: acme.domains, reason, failures, nextTry: new Date(next).toISOString() },
        "no certificate issued; the one in use stays",
      );
      try {
        folder.failed(reason, failures, now, next);
      } catch (unkept) {
        logger.error({ error: (unkept as Error).message }, "the state of the certificate's renewal cannot be kept");
      }
    } finally {
      this.#asking = false;
    }
    // what is configured may have changed meanwhile
    if (this.#config.certificates.acme !== acme) this.#look();
    this.#schedule();
  }
}

/** Errors of addresses that were tried together have no message of their own. */
function wordsOf(error: unknown): string {
  const { message, errors, code } = error as NodeJS.ErrnoException & { readonly errors?: readonly Error[] };
  return (message || errors?.map((each) => each.message).join(", ") || code || String(error)).slice(0, 500);
}
