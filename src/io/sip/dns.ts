/** DNS for RFC 3263: NAPTR, SRV and addresses, with the answers kept for as long as they live (at least 5 s, at most 5 min). */
import { Resolver, lookup } from "node:dns/promises";
import { systemClock } from "../../base/clock.ts";
import type { Lookup, LookupAnswer } from "../../sip/types.ts";

/** Asks DNS; an empty answer when there is none. Never rejects. */
export type DnsClient = (question: Lookup) => Promise<LookupAnswer>;

const KEEP_MIN = 5_000;
const KEEP_MAX = 300_000;
const KEEP_ENTRIES = 5_000;

/** A client with a cache. `servers` overrides the system's. */
export function dnsClient(servers?: readonly string[]): DnsClient {
  const resolver = new Resolver({ timeout: 1500, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  const cache = new Map<string, { until: number; answer: Promise<LookupAnswer> }>();
  return (question) => {
    const key = `${question.type}|${question.name}`;
    const now = systemClock.now();
    const known = cache.get(key);
    if (known !== undefined && known.until > now) return known.answer;
    const entry = { until: now + KEEP_MAX, answer: Promise.resolve<LookupAnswer>([]) };
    entry.answer = ask(resolver, question).then(({ answer, ttl }) => {
      entry.until = systemClock.now() + Math.min(KEEP_MAX, Math.max(KEEP_MIN, ttl * 1000));
      return answer;
    });
    if (cache.size >= KEEP_ENTRIES) cache.clear();
    cache.set(key, entry);
    return entry.answer;
  };
}

async function ask(resolver: Resolver, { type, name }: Lookup): Promise<{ answer: LookupAnswer; ttl: number }> {
  try {
    if (type === "NAPTR") return { answer: await resolver.resolveNaptr(name), ttl: 60 };
    if (type === "SRV") return { answer: await resolver.resolveSrv(name), ttl: 60 };
    // The system's way first: it knows the hosts file, which containers and test beds live by.
    const found = await lookup(name, { all: true, order: "ipv4first" });
    return { answer: [...new Set(found.map((a) => a.address))], ttl: 30 };
  } catch {
    return { answer: [], ttl: 5 };
  }
}
