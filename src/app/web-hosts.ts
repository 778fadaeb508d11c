import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { hostname } from "node:os";
import type { Config } from "./config/config.ts";

/** The names by which the web port may be asked for: those of the configuration, and those it tells to others anyway. */
export function webHosts({ web, sip, media }: Config, tls: { readonly cert: string } | null): string[] {
  const origins = web.origins.map((origin) => new URL(origin).hostname);
  const advertised = [sip.advertise, media.advertise].filter((name) => name !== null);
  return [...web.hosts, hostname(), ...origins, ...advertised, ...certificateNames(tls)].filter((name) => isIP(name) === 0);
}

/** The DNS names of the first certificate of a PEM file. */
function certificateNames(tls: { readonly cert: string } | null): string[] {
  if (tls === null) return [];
  const names = new X509Certificate(tls.cert).subjectAltName ?? "";
  return names.split(", ").flatMap((name) => (name.startsWith("DNS:") ? [name.slice(4)] : []));
}
