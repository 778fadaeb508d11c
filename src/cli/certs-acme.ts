import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { domainName } from "../app/config/acme-schema.ts";
import { type ChallengeKind, challengePorts } from "../security/acme/challenges.ts";
import { type AcmeOrder, issueByAcme } from "../security/acme/issue.ts";
import { writePrivate, writePublic } from "../security/files.ts";
import { readCertificates } from "../security/inspect.ts";

export interface AcmeCommand {
  readonly domain?: string[];
  readonly directory: string;
  readonly email?: string;
  readonly challenge: ChallengeKind;
  readonly listen: string;
  readonly port?: number;
  readonly key: AcmeOrder["key"];
  readonly ca?: string;
  readonly folder: string;
  readonly force?: boolean;
}

/** `crosspoint certs acme`: one certificate, once. Exit code 1 when none was issued. */
export async function acme(options: AcmeCommand): Promise<number> {
  const { domain: domains = [], directory, challenge } = options;
  const wrong = domains.find((domain) => !domainName.test(domain));
  if (domains.length === 0) return fail("name at least one domain: --domain sip.example.com");
  if (wrong !== undefined) return fail(`${wrong} is no domain name that ${challenge} can prove`);
  if (!directory.startsWith("https://")) return fail("--directory is a URL such as https://acme-v02.api.letsencrypt.org/directory");
  const base = join(options.folder, domains[0]!.toLowerCase());
  if (existsSync(`${base}.key`) && !options.force) return fail(`${base}.key is there already; --force replaces it`);
  try {
    const { chain, key } = await issueByAcme({
      directory,
      domains,
      challenge,
      key: options.key,
      email: options.email,
      listen: { host: options.listen, port: options.port ?? challengePorts[challenge] },
      ca: options.ca === undefined ? undefined : readFileSync(options.ca, "utf8"),
      accountFile: join(options.folder, "acme-account.key"),
    });
    writePrivate(`${base}.key`, key);
    writePublic(`${base}.crt`, chain);
    const until = readCertificates(chain)[0]!.validToDate.toISOString().slice(0, 10);
    process.stdout.write(
      `${base}.crt  the certificate with its chain, valid until ${until}\n${base}.key  its key: keep it to yourself\n` +
        "certificates.acme has the gateway renew it by itself.\n",
    );
    return 0;
  } catch (error) {
    return fail(`no certificate was issued: ${(error as Error).message}`);
  }
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return 1;
}
