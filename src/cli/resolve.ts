import { lookup, resolveSrv } from "node:dns/promises";

/** SRV records by which SIP and H.323 find a domain (RFC 3263 section 4.2, H.323 annex O). */
const SERVICES = ["_sips._tcp", "_sip._tcp", "_sip._udp", "_h323cs._tcp"];
/** One look-up takes so long at most, ms. */
const PATIENCE = 5_000;

/** The addresses of names, their own and those of the servers that their SRV records name; none for a name that is not found. */
export async function addressesOf(names: readonly string[]): Promise<Map<string, string[]>> {
  return new Map(await Promise.all(names.map(async (name): Promise<[string, string[]]> => [name, await allOf(name)])));
}

async function allOf(name: string): Promise<string[]> {
  const servers = await Promise.all(SERVICES.map((service) => within(resolveSrv(`${service}.${name}`), [])));
  const hosts = [name, ...servers.flat().map((server) => server.name)];
  const addresses = await Promise.all([...new Set(hosts)].map((host) => within(lookup(host, { all: true }), [])));
  return [...new Set(addresses.flat().map(({ address }) => address))];
}

function within<T>(asked: Promise<T>, otherwise: T): Promise<T> {
  const late = new Promise<T>((resolve) => setTimeout(() => resolve(otherwise), PATIENCE).unref());
  return Promise.race([asked.catch(() => otherwise), late]);
}
