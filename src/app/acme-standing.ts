/** How the certificate of `certificates.acme` stands: for the gateway, which renews it, and for commands that tell of it. */
import type { X509Certificate } from "node:crypto";
import { challengePorts } from "../security/acme/challenges.ts";
import { AcmeFolder, type AcmeStanding, acmeFolder } from "../security/acme/folder.ts";
import type { Config } from "./config/config.ts";

export type AcmeConfig = NonNullable<Config["certificates"]["acme"]>;

/** Listeners of the gateway that answer challenges too, by their keys. */
export function acmeListeners({ engine, sip, web }: Config, { challenge }: AcmeConfig): { readonly key: string; readonly port: number }[] {
  const all = [
    ...(challenge === "http-01" || web.tls ? [{ key: "web.port", port: web.port }] : []),
    ...(challenge === "tls-alpn-01" && engine.sip === "embedded"
      ? [
          { key: "sip.tls", port: sip.tls },
          { key: "sip.wss", port: sip.wss },
        ]
      : []),
  ];
  return all.flatMap(({ key, port }) => (port === null ? [] : [{ key, port }]));
}

/** The port of its own where challenges are answered; null where there is none, or it is one of {@link acmeListeners}. */
export function acmePort(config: Config, acme: AcmeConfig): number | null {
  const port = acme.port === undefined ? challengePorts[acme.challenge] : acme.port;
  return acmeListeners(config, acme).some((listener) => listener.port === port) ? null : port;
}

/** Where the CA's questions are to arrive, in words. */
export function acmeDoors(config: Config, acme: AcmeConfig): string {
  const own = acmePort(config, acme);
  const ports = [...(own === null ? [] : [`port ${own}`]), ...acmeListeners(config, acme).map(({ key, port }) => `port ${port} (${key})`)];
  return ports.join(" or ");
}

export const acmeStanding = ({ data }: Config, acme: AcmeConfig): AcmeStanding => new AcmeFolder(acmeFolder(data)).standing(acme);

/** `certificates.warnDays`; for a certificate that is renewed by itself not before its renewal is well overdue. */
export function warnDaysOf({ acme, warnDays }: Config["certificates"], chain: readonly X509Certificate[]): number {
  const [leaf] = chain;
  if (acme === undefined || leaf === undefined) return warnDays;
  const days = (leaf.validToDate.getTime() - leaf.validFromDate.getTime()) / 86_400_000;
  return Math.min(warnDays, Math.floor(days / 4));
}

const minute = (time: number): string => `${new Date(time).toISOString().slice(0, 16).replace("T", " ")}Z`;

export function failureWords({ at, message, count, next }: NonNullable<AcmeStanding["failure"]>): string {
  const times = count === 1 ? "a try" : `${count} tries`;
  return `${times} to have a certificate issued failed, at last ${minute(Date.parse(at))}: ${message}; next try ${minute(Date.parse(next))}, or at once by kill -HUP`;
}

/** Valid until when, renewed when. */
export function standingWords({ validity, due }: AcmeStanding, now = Date.now()): string {
  const next = due <= now ? "as soon as the gateway runs" : `on ${minute(due)}`;
  return validity === null
    ? `no certificate has been issued yet; asked for ${next}`
    : `valid until ${minute(validity.to)}; renewed ${next}`;
}
