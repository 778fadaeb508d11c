/** HTTP requests that two readers may take for different ones (RFC 9112), and such as scanners send. */
import type { IncomingMessage } from "node:http";

/** Why a request is answered 400, or 505, before anything of it is used; null for one that is as it should be. */
export function faultOf({
  rawHeaders,
  headers,
  url = "",
  httpVersion,
  httpVersionMajor,
}: IncomingMessage): { status: 400 | 505; detail: string } | null {
  const wrong = (detail: string) => ({ status: 400, detail }) as const;
  if (httpVersionMajor !== 1) return { status: 505, detail: "HTTP/1.1 is spoken here" };
  // Node.js keeps the first of several; who stands between us and the client may have kept the last (RFC 9112 section 3.2)
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]!.toLowerCase() === "host") hosts++;
  if (hosts > 1) return wrong("Host stands more than once");
  // section 6.1: a chunked body of HTTP/1.0 has gone through something that does not know of chunks
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) return wrong("HTTP/1.0 has no Transfer-Encoding");
  if (url.startsWith("/") || url === "*") return null;
  // section 3.2.2: a target with an authority is what is asked for, whatever Host says; they are to be the same
  const authority = authorityOf(url);
  if (authority === null) return wrong("the request's target is neither a path nor an http URL");
  return authority === (headers.host ?? "").toLowerCase() ? null : wrong("the request's target names another host than Host does");
}

/** `example.com:8080` of `http://example.com:8080/path`, lower-case; null for anything else. */
function authorityOf(url: string): string | null {
  const scheme = url.indexOf("://");
  if (scheme < 0 || !["http", "https"].includes(url.slice(0, scheme).toLowerCase())) return null;
  let end = scheme + 3;
  while (end < url.length && !"/?#".includes(url[end]!)) end++;
  return url.slice(scheme + 3, end).toLowerCase();
}

/** Files and programs that scanners ask for, and nothing else does: parts of a path, lower-case. */
const SOUGHT = [
  ...[
    "..",
    ".php",
    ".asp",
    ".jsp",
    ".cgi",
    ".env",
    ".git",
    ".svn",
    ".aws",
    ".ssh",
    ".htaccess",
    ".htpasswd",
    ".ds_store",
    ".vscode",
    ".bak",
    ".sql",
  ],
  ...[
    "wp-",
    "wordpress",
    "phpmyadmin",
    "cgi-bin",
    "etc/passwd",
    "vendor/",
    "actuator",
    "boaform",
    "hnap1",
    "gponform",
    "setup.cgi",
    "shell",
  ],
  ...[
    "manager/html",
    "solr/",
    "jenkins",
    "owa/",
    "ecp/",
    "autodiscover",
    "autoconfig",
    "telescope",
    "server-status",
    "_ignition",
    "struts",
  ],
  ...["eval-stdin", "login.action", "remote/login", "dana-na", "sdk/weblanguage", "onvif", "nice%20ports", "\0", "${jndi"],
];

/** Whether a path that there is nothing at is one that only scanners look for. */
export function isScannersPath(path: string): boolean {
  let plain = path.slice(0, 2_000).toLowerCase();
  // escaped once or twice, as scanners do to get past filters
  for (let round = 0; round < 2; round++) {
    try {
      plain = decodeURIComponent(plain);
    } catch {
      break;
    }
  }
  return SOUGHT.some((part) => plain.includes(part));
}

/** Whether an error of Node.js's HTTP server says that what came is no HTTP; a client that is slow, or goes, does not. */
export function isMalformed(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code?.startsWith("HPE_") === true;
}
