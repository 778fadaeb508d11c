import { isIP } from "node:net";
import { coverage } from "../../security/networks.ts";
import { parseH323Uri } from "../../h323/uri.ts";
import { tryParseUri } from "../../wire/sip/uri.ts";
import type { Config, Findings } from "./config.ts";
import type { Path } from "./source.ts";

/** Addresses by name, lower case. */
export type Addresses = ReadonlyMap<string, readonly string[]>;

/** Where something that is meant to be heard comes from. */
interface Origin {
  readonly path: Path;
  /** In words, after "shuts out". */
  readonly what: string;
  /** A network, an address or a host name. */
  readonly place: string;
}

/** Warns where `allow` and `deny` keep out whom the configuration counts on: networks of trunks, who is called, where we register. Names count only as far as `addresses` has them. */
export function checkShutOut(config: Config, { warn }: Findings, addresses: Addresses = new Map()): void {
  const { allow, deny } = config;
  if (allow.length === 0 && deny.length === 0) return;
  for (const { path, what, place } of origins(config)) {
    const networks = isHostName(place) ? (addresses.get(place.toLowerCase()) ?? []) : [place];
    for (const network of networks) {
      const who = `${what} (${networks[0] === place ? network : `${place} is ${network}`})`;
      const [allowed, denied] = [allow.length === 0 ? "all" : coverage(network, allow), coverage(network, deny)];
      if (denied === "all") warn(path, `deny shuts out ${who}: nothing that comes from there is read`);
      else if (allowed === "none") warn(path, `allow does not have ${who}: nothing that comes from there is read`);
      else if (denied === "part") warn(path, `deny shuts out a part of ${who}: what comes from there is not read`);
      else if (allowed === "part") warn(path, `allow has only a part of ${who}: what comes from the rest is not read`);
    }
  }
}

/** Names whose addresses `allow` and `deny` would have to be compared with, each once. */
export function namesToResolve(config: Config): string[] {
  if (config.allow.length === 0 && config.deny.length === 0) return [];
  const names = origins(config).flatMap(({ place }) => (isHostName(place) ? [place.toLowerCase()] : []));
  return [...new Set(names)];
}

const isHostName = (place: string): boolean => !place.includes("/") && isIP(place) === 0;

function origins({ trunks, h323 }: Config): Origin[] {
  const found: Origin[] = [];
  const add = (path: Path, what: string, place: string | undefined): void => {
    if (place !== undefined && place !== "") found.push({ path, what, place });
  };
  for (const [i, { name, identity, target, register }] of trunks.entries()) {
    for (const [j, network] of (identity.networks ?? []).entries())
      add(["trunks", i, "identity", "networks", j], `callers of trunk ${name}`, network);
    if (target !== null) add(["trunks", i, "target"], `the target of trunk ${name}`, hostOf(target));
    for (const [j, registrar] of (register?.registrars ?? []).entries())
      add(["trunks", i, "register", "registrars", j], `the registrar of trunk ${name}`, hostOf(registrar));
  }
  add(["h323", "upstream", "gatekeeper"], "the gatekeeper that we register with", h323.upstream?.gatekeeper.host);
  for (const [j, { host }] of h323.gatekeeper.neighbours.entries())
    add(["h323", "gatekeeper", "neighbours", j], "a neighbour of our gatekeeper", host);
  return found;
}

/** Host of a SIP or H.323 URI, without brackets. */
function hostOf(uri: string): string | undefined {
  const host = uri.toLowerCase().startsWith("h323:") ? parseH323Uri(uri)?.host : tryParseUri(uri)?.host;
  return host?.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}
