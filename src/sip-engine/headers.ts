/**
 * What the server does to header fields an application supplies: some are its own to set, some hold `localhost` where the address
 * of the listener belongs.
 */

import type { Listener } from "../sip/types.ts";
import { headerKey, headerSpelling } from "../wire/sip/header-names.ts";
import type { SipMessageBase, SipRequest } from "../wire/sip/message.ts";
import { formatNameAddr, tryParseNameAddr } from "../wire/sip/name-addr.ts";
import { TRUNK_HEADER } from "../wire/sip/peer-certificate.ts";
import { OWN_NAMES } from "../wire/sip/plain.ts";
import { bracketHost, formatUri, tryParseUri, withUri } from "../wire/sip/uri.ts";

/** An application's response with this field and the value `discard` is not sent, and its transaction is forgotten. */
export const ACTION_HEADER = "X-Crosspoint-Action";
const ACTION_KEY = headerKey(ACTION_HEADER);

/** Fields the server alone writes. */
const servers = new Set(["via", "route", "rseq", "record-route", "content-length", ACTION_KEY, headerKey(TRUNK_HEADER)]);
/** Fields the transaction or the dialog decides, in responses and in requests inside a dialog. */
const dialogs = new Set(["call-id", "cseq", "from", "to"]);
/** Fields of which there is one. srf writes a second Call-ID when it answers a challenge, in another spelling than ours. */
const singles = new Set([...dialogs, "max-forwards", "content-type", "content-encoding", "session-expires", "min-se"]);
const withLocalhost = new Set(["from", "to", "contact", "p-asserted-identity"]);

/** Copies an application's fields onto a message about to be sent. */
export function applyFields(message: SipMessageBase, given: SipMessageBase, local: Listener | undefined, inDialog: boolean): void {
  const seen = new Set<string>();
  for (const { key, name, value } of given.headers) {
    if (key === "" || servers.has(key) || (inDialog && dialogs.has(key))) continue;
    const text = local !== undefined && withLocalhost.has(key) && value.includes("@localhost") ? replaceHost(value, local) : value;
    if (seen.has(key) && !singles.has(key)) message.append(spelled(key, name), text);
    else message.set(spelled(key, name), text);
    seen.add(key);
  }
}

/** Whether a field's name may stay as the application wrote it: known names get their usual spelling, others capitals after dashes. */
function spelled(key: string, name: string): string {
  const known = headerSpelling(key);
  return known === key ? name.replace(/(^|-)([a-z])/g, (_, dash: string, c: string) => dash + c.toUpperCase()) : known;
}

/** Puts the listener's address in the place of the host of an address. Malformed values stay as they are. */
export function replaceHost(value: string, local: Listener): string {
  const address = tryParseNameAddr(value);
  const uri = address === undefined ? undefined : tryParseUri(address.uriText);
  if (address === undefined || uri === undefined || uri.scheme === "tel") return value;
  const uriText = formatUri(withUri(uri, { host: bracketHost(local.advertisedHost), port: local.advertisedPort }));
  return formatNameAddr({ name: address.name, uriText, params: address.params });
}

/** Removes from a message that is passed on what this gateway's parts say to each other only. */
export function stripOwn(message: SipMessageBase): void {
  for (const { key } of [...message.headers]) if (key.startsWith(OWN_NAMES)) message.remove(key);
}

/**
 * A body needs a Content-Type: SDP is recognised. False when it cannot be told and there is none.
 */
export function ensureContentType(message: SipMessageBase): boolean {
  if (message.body.length === 0 || message.has("content-type")) return true;
  if (message.body.toString("latin1", 0, 3) !== "v=0") return false;
  message.set("Content-Type", "application/sdp");
  return true;
}

/** Brackets for an address an application gave without (`sip:a@b` → `<sip:a@b>`), so that URI parameters stay the URI's. */
export function bracketed(value: string): string {
  if (value.includes("<")) return value;
  const address = tryParseNameAddr(value);
  if (address === undefined || tryParseUri(value) === undefined) return value;
  // A tag the application set is the field's; anything else after the semicolon was meant as the URI's.
  const tag = address.params.get("tag");
  const uri = tag === undefined || tag === null ? value : value.replace(/;tag=[^;]*/i, "");
  return `<${uri}>${tag === undefined || tag === null ? "" : `;tag=${tag}`}`;
}

/** Does a provisional response ask to be sent reliably? */
export function wantsReliable(message: SipMessageBase): boolean {
  return message.lists("require", "100rel");
}

/** Can the far end do reliable provisional responses? */
export function supports100rel(request: SipRequest): boolean {
  return request.lists("supported", "100rel") || request.lists("require", "100rel");
}

/** Applications may give just `host`, `host:port` or `user@host` where a URI belongs. */
export function completeUri(text: string): string {
  const bare = text.trim().replace(/^<(.*)>$/, "$1");
  return tryParseUri(bare) === undefined || /^[^:@;]+:\d+(;|$)/.test(bare) ? `sip:${bare}` : bare;
}

/** Do two Contact values name the same user at the same host? */
export function sameParty(one: string | undefined, other: string): boolean {
  const [a, b] = [one ?? "", other].map((value) => tryParseUri(tryParseNameAddr(value)?.uriText ?? ""));
  return a !== undefined && b !== undefined && a.user === b.user && a.host === b.host;
}
