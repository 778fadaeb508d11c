const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;
/** Tags, branches and Call-IDs drawn by chance; no PIN is so long. */
const DRAWN = /[0-9a-f]{16,}/gi;
/** Numbers that somebody else chose: processes, ports, times, streams. */
const CHOSEN = /"(?:pid|time|ssrc|port|[a-z]{1,20}(?:Port|Ms|At|Ssrc))":[0-9.]+/g;

/** A log, record or view without what may hold a PIN's digits by chance, for tests that no PIN is in it. */
export function withoutIdentifiers(text: string): string {
  return text.replace(UUID, "").replace(DRAWN, "").replace(CHOSEN, "");
}
