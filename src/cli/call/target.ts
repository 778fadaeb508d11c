import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../app/config/load.ts";
import { dnsClient } from "../../io/index.ts";
import { readIfThere } from "../../security/files.ts";
import { locate, type Target, type TransportName } from "../../sip/index.ts";
import { bareHost, tryParseUri, type Uri } from "../../wire/sip/uri.ts";

/** A call that cannot be tried: the words say why. */
export class CallError extends Error {
  override name = "CallError";
}

/** An option that means nothing. */
export class UsageError extends CallError {
  override name = "UsageError";
}

/** The URI as it goes on the wire: `#` of a dial string (`2000##1234`) has to be escaped in a SIP URI (RFC 3261 section 25.1). */
export function parseTarget(text: string): { readonly text: string; readonly uri: Uri } {
  const full = /^sips?:/i.test(text) ? text : `sip:${text}`;
  const at = full.lastIndexOf("@");
  const escaped = at < 0 ? full : full.slice(0, at).replaceAll("#", "%23") + full.slice(at);
  const uri = tryParseUri(escaped);
  if (!uri || uri.host === "") throw new CallError(`"${text}" is no URI to call, such as sip:1000@127.0.0.1 or sips:2000@meet.example.com`);
  return { text: escaped, uri };
}

/** Transports this tool can use. */
const supported: readonly TransportName[] = ["udp", "tcp", "tls"];

/** Where the URI leads (RFC 3263), best first. */
export async function findTargets(uri: Uri): Promise<Target[]> {
  const dns = dnsClient();
  const search = locate(uri, { supported, random: Math.random });
  let step = search.next();
  while (!step.done) step = search.next(await dns(step.value));
  const { targets, why } = step.value;
  if (targets.length === 0) throw new CallError(why ?? `no address found for ${uri.host}`);
  return targets;
}

export interface TlsFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly insecure?: boolean;
}

/** What TLS to the target is made with. The demo's CA is trusted on loopback, so that the demo can be called as it is. */
export function clientTls(files: TlsFiles, uri: Pick<Uri, "host">) {
  const read = (file: string): string => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      throw new CallError(`${file} cannot be read`);
    }
  };
  if ((files.cert === undefined) !== (files.key === undefined)) throw new CallError("--cert and --key go together");
  const host = bareHost(uri.host);
  const local = host === "localhost" || host === "::1" || host.startsWith("127.");
  const demo = local && files.ca === undefined ? readIfThere(join(projectRoot, "certs/demo/ca.crt")) : null;
  const ca = files.ca === undefined ? demo : read(files.ca);
  return {
    ...(files.cert && files.key ? { cert: read(files.cert), key: read(files.key) } : {}),
    ...(ca ? { ca } : {}),
    insecure: files.insecure === true,
    domain: host,
  };
}
export type ClientTls = ReturnType<typeof clientTls>;
