/**
 * Header field names: canonical spelling, compact forms, and which fields are lists.
 * RFC 3261 section 7.3.1 (names are case-insensitive) and 7.3.3 (compact forms), plus the forms that later RFCs registered.
 */

const canonical = [
  "Accept",
  "Accept-Contact",
  "Accept-Encoding",
  "Accept-Language",
  "Alert-Info",
  "Allow",
  "Allow-Events",
  "Authentication-Info",
  "Authorization",
  "Call-ID",
  "Call-Info",
  "Contact",
  "Content-Disposition",
  "Content-Encoding",
  "Content-ID",
  "Content-Language",
  "Content-Length",
  "Content-Type",
  "CSeq",
  "Date",
  "Diversion",
  "Error-Info",
  "Event",
  "Expires",
  "From",
  "Geolocation",
  "History-Info",
  "Identity",
  "Identity-Info",
  "In-Reply-To",
  "Join",
  "Max-Forwards",
  "MIME-Version",
  "Min-Expires",
  "Min-SE",
  "Organization",
  "P-Asserted-Identity",
  "P-Preferred-Identity",
  "Path",
  "Priority",
  "Privacy",
  "Proxy-Authenticate",
  "Proxy-Authorization",
  "Proxy-Require",
  "RAck",
  "Reason",
  "Record-Route",
  "Refer-To",
  "Referred-By",
  "Refer-Sub",
  "Reject-Contact",
  "Remote-Party-ID",
  "Replaces",
  "Reply-To",
  "Request-Disposition",
  "Require",
  "Retry-After",
  "Route",
  "RSeq",
  "Server",
  "Service-Route",
  "Session-Expires",
  "Session-ID",
  "SIP-ETag",
  "SIP-If-Match",
  "Subject",
  "Subscription-State",
  "Supported",
  "Target-Dialog",
  "Timestamp",
  "To",
  "Unsupported",
  "User-Agent",
  "User-to-User",
  "Via",
  "Warning",
  "WWW-Authenticate",
];

const compact: Record<string, string> = {
  a: "accept-contact",
  b: "referred-by",
  c: "content-type",
  d: "request-disposition",
  e: "content-encoding",
  f: "from",
  i: "call-id",
  j: "reject-contact",
  k: "supported",
  l: "content-length",
  m: "contact",
  n: "identity-info",
  o: "event",
  r: "refer-to",
  s: "subject",
  t: "to",
  u: "allow-events",
  v: "via",
  x: "session-expires",
  y: "identity",
};

const spelling = new Map<string, string>(canonical.map((name) => [name.toLowerCase(), name]));
const keys = new Map<string, string>();
for (const name of canonical) {
  const key = name.toLowerCase();
  keys.set(name, key).set(key, key).set(name.toUpperCase(), key);
}
for (const [letter, key] of Object.entries(compact)) keys.set(letter, key).set(letter.toUpperCase(), key);

const learnt = new Map<string, string>();
const LEARNT_MAX = 512;

/** The lower-case long form of a field name as received: `v` → `via`, `CALL-ID` → `call-id`. */
export function headerKey(name: string): string {
  const known = keys.get(name) ?? learnt.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  const key = keys.get(lower) ?? lower;
  // A bounded memory of odd spellings and X- headers: a stranger cannot make it grow for ever.
  if (learnt.size < LEARNT_MAX) learnt.set(name, key);
  return key;
}

/** The usual spelling of a field name: `call-id` → `Call-ID`; an unknown name is returned as given. */
export function headerSpelling(name: string): string {
  return spelling.get(headerKey(name)) ?? name;
}

/** Is it a field of the table above, by its lower-case long name? */
export function isKnownHeader(key: string): boolean {
  return spelling.has(key);
}

/** Fields that must not occur twice (RFC 3261 section 7.3.1, table 2 and 3; RFC 4475 section 3.3.8). */
export const singleFields: ReadonlySet<string> = new Set([
  "call-id",
  "content-length",
  "content-type",
  "cseq",
  "from",
  "max-forwards",
  "to",
  "expires",
  "rack",
  "rseq",
  "session-expires",
  "min-se",
  "refer-to",
  "event",
]);
