import type { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { dirname, join, resolve } from "node:path";
import { connect } from "node:tls";
import { type LoadOptions, loadConfig, showMistake } from "../app/config/load.ts";
import { nameOfCertificate } from "../security/certificates/faults.ts";
import { namesOf } from "../security/certificates/names.ts";
import { datesOf, fingerprintOf } from "../security/certificates/path.ts";
import { unreadable, writePublic } from "../security/files.ts";
import { readCertificates } from "../security/inspect.ts";

export interface PinOptions {
  /** `HOST:PORT` that shows the certificate, instead of a file. */
  readonly from?: string | undefined;
  /** Where the CA is written; beside the configuration where absent. */
  readonly folder?: string | undefined;
}

/** A server takes so long to show its certificate at most, ms. */
const PATIENCE = 10_000;

/**
 * `crosspoint certs pin TRUNK FILE` or `--from HOST:PORT`: writes the CA of a trunk's peer into a file and prints what the configuration needs. Of a chain it is the
 * last certificate: the root, the CA under it where the root was not sent, the peer's own where it has signed itself. Exit code 1 when there is none.
 */
export async function pin(trunk: string, file: string | undefined, load: LoadOptions, options: PinOptions): Promise<number> {
  const { config, mistakes } = loadConfig(load);
  if (!config) return fail(mistakes.map(showMistake).join("\n"));
  if (!config.trunks.some(({ name }) => name === trunk))
    return fail(`there is no trunk ${trunk}; there are: ${config.trunks.map(({ name }) => name).join(", ") || "none"}`);
  if ((file === undefined) === (options.from === undefined)) return fail("give either a file with the CA, or --from HOST:PORT");
  try {
    const chain = file === undefined ? await shownBy(options.from!) : readCertificates(readFileSync(file, "utf8"));
    // A file of CAs is pinned whole; of a chain its end.
    const pinned = file !== undefined && chain.every((each) => each.ca) ? chain : chain.slice(-1);
    const ca = pinned.at(-1)!;
    const dated = pinned.map((each) => datesOf(each, Date.now())).find((fault) => fault !== undefined);
    if (dated) return fail(dated.words);
    const folder = options.folder ?? (load.file === undefined ? "certs" : dirname(resolve(load.file)));
    const written = join(folder, `${trunk}-ca.crt`);
    writePublic(written, pinned.map(String).join(""));
    const leaf = chain[0]!;
    const names = namesOf(leaf);
    const shown = names.san.length > 0 ? names.san.join(", ") : names.commonName || "none that counts";
    process.stdout.write(
      [
        ...pinned.map(
          (each) =>
            `${written}  ${each.ca ? "the CA" : "the peer's own certificate"} ${nameOfCertificate(each)}, SHA-256 ${fingerprintOf(each)}`,
        ),
        ...(ca.ca ? [] : ["No CA was there: a new certificate of the peer has to be pinned again."]),
        ...(file === undefined ? ["Compare this SHA-256 with what the peer's operator says: whoever answered there showed it."] : []),
        ...(leaf === ca ? [] : [`The peer's certificate: ${nameOfCertificate(leaf)}, names ${shown}`]),
        "Put into the trunk:",
        `  - name: ${trunk}`,
        "    identity:",
        `      ca: ${JSON.stringify(written)}`,
        "",
      ].join("\n"),
    );
    return 0;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return fail(`${file ?? options.from}: ${file !== undefined && code ? unreadable(error) : message}`);
  }
}

/** The chain a TLS server shows. Nothing is verified: who pins it compares the fingerprint. */
function shownBy(where: string): Promise<X509Certificate[]> {
  const colon = where.lastIndexOf(":");
  const host = where.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(where.slice(colon + 1));
  if (colon <= 0 || !(port > 0 && port < 65_536)) return Promise.reject(new Error("expected HOST:PORT"));
  return new Promise((done, refuse) => {
    const socket = connect({ host, port, servername: isIP(host) === 0 ? host : "", rejectUnauthorized: false }, () => {
      const chain: X509Certificate[] = [];
      for (let at = socket.getPeerX509Certificate(); at !== undefined && chain.length < 16; at = at.issuerCertificate) chain.push(at);
      socket.destroy();
      if (chain.length > 0) done(chain);
      else refuse(new Error("shows no certificate"));
    });
    socket.setTimeout(PATIENCE, () => socket.destroy(new Error("does not answer")));
    socket.on("error", refuse);
  });
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 1;
}
