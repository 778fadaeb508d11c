/** Signalling ports: H.225.0 over TCP, and over TLS. */
export const SIGNALLING_PORT = { tcp: 1720, tls: 1300 } as const;

/** An H.323 URL (H.323 annex O) with the parameter `transport`. */
export interface H323Uri {
  /** Alias or number; undefined where only a host is named. */
  readonly user: string | undefined;
  /** Undefined where only an alias is named. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly transport: "tcp" | "tls" | undefined;
}

/** Reads `h323:alias@host:port;transport=tls`, `h323:host` and `h323:alias`; what has no dot and is no address is an alias. Undefined when it is none of them. */
export function parseH323Uri(uri: string): H323Uri | undefined {
  const match = /^h323:(?:([^@;\s]*)@)?(\[[0-9a-f:.]+\]|[^@:;\s]*)(?::(\d{1,5}))?((?:;[^\s;]+)*)$/i.exec(uri);
  if (match === null) return undefined;
  const [, user, place = "", port, parameters = ""] = match;
  const named = /;transport=([a-z]+)/i.exec(parameters)?.[1]?.toLowerCase();
  if (named !== undefined && named !== "tcp" && named !== "tls") return undefined;
  const isHost = user !== undefined || port !== undefined || /[.[]/.test(place) || place === "localhost";
  if (place === "" || Number(port ?? 1) > 65_535 || Number(port ?? 1) === 0) return undefined;
  return {
    user: isHost ? (user === undefined || user === "" ? undefined : decoded(user)) : decoded(place),
    host: isHost ? place.replace(/^\[|\]$/g, "").toLowerCase() : undefined,
    port: port === undefined ? undefined : Number(port),
    transport: named,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Schemes under which endpoints send an alias as a URL (url-ID, H.225.0 7.6). */
const SCHEMES: readonly string[] = ["h323", "sip", "sips", "tel"];

/**
 * The names that an alias dialled may mean, as it stands first: without scheme, host and parameters
 * (`sip:1000@gw;user=phone`, `1000@gw`), and what stands behind a
 * gateway's own name (`gateway##1000`, as endpoints without a gatekeeper dial).
 */
export function dialledNames(alias: string): string[] {
  const colon = alias.indexOf(":");
  const bare = colon > 0 && SCHEMES.includes(alias.slice(0, colon).toLowerCase()) ? alias.slice(colon + 1) : alias;
  const user = before(before(bare, "@"), ";");
  const separator = user.indexOf("##");
  const behind = separator < 0 ? "" : user.slice(separator + 2);
  return [...new Set([alias, user, behind].filter((name) => name !== ""))];
}

const before = (text: string, end: string): string => (text.includes(end) ? text.slice(0, text.indexOf(end)) : text);
