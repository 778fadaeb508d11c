/**
 * URIs and addresses as a trace shows them. Behind a number no digit is shown (PINs of dial strings); passwords, header fields of a URI and values of parameters that are
 * not known to be harmless are left out; of URLs only scheme and host stay.
 */
import { maskDialled, maskName, maskText } from "../base/pin-mask.ts";
import { isToken, type Params, quote, splitList, tryParseNameAddr, utf8 } from "../wire/sip/index.ts";
import { MASKED, maskedBytes, printable } from "./printable.ts";

const DIALLED = new Set(["sip", "sips", "tel", "h323", "im", "pres", "xmpp"]);
/** Parameters of URIs (RFC 3261 section 19.1.1, RFC 3966, RFC 5626, RFC 5627) whose values are shown. */
const URI_PARAMETERS = new Set(
  "transport user method ttl maddr lr ob gr sg received rport alias comp keep locale cause phone-context cpc npdi cic trunk-context".split(
    " ",
  ),
);
/** Parameters of address fields whose values are shown. */
const FIELD_PARAMETERS = new Set(
  "tag expires q reg-id +sip.instance pub-gruu temp-gruu received privacy screen party counter index reason cause purpose handling".split(
    " ",
  ),
);
/** A user part beyond this is no number and no name. */
const LONGEST_USER = 64;
const LONGEST_VALUE = 160;

/** A URI without angle brackets. */
export function maskUri(text: string): string {
  const colon = text.indexOf(":");
  const scheme = colon > 0 ? text.slice(0, colon).trim().toLowerCase() : "";
  if (text.length > 1_024) return maskedBytes(text.length);
  if (DIALLED.has(scheme)) return printable(`${text.slice(0, colon)}:${maskRest(scheme, text.slice(colon + 1))}`);
  if (text.startsWith("//", colon + 1) && isToken(scheme)) {
    const host = text.slice(colon + 3);
    const at = host.lastIndexOf("@", endOf(host, "/?#"));
    const bare = host.slice(at + 1);
    return printable(`${scheme}://${bare.slice(0, endOf(bare, "/?#"))}/${MASKED}`);
  }
  if (
    scheme === "urn" &&
    text
      .slice(colon + 1)
      .toLowerCase()
      .startsWith("service:")
  )
    return printable(maskText(text));
  return colon > 0 ? maskedBytes(text.length) : printable(maskDialled(text));
}

function maskRest(scheme: string, rest: string): string {
  const at = rest.lastIndexOf("@");
  if (at < 0 && scheme !== "sip" && scheme !== "sips") return maskUser(rest, scheme);
  return at < 0 ? maskHost(rest) : `${maskUser(rest.slice(0, at), scheme)}@${maskHost(rest.slice(at + 1))}`;
}

function maskUser(text: string, scheme: string): string {
  const query = text.indexOf("?");
  const parts = (query < 0 ? text : text.slice(0, query)).split(";");
  const colon = parts[0]!.indexOf(":");
  const name = colon < 0 ? parts[0]! : parts[0]!.slice(0, colon);
  const shown = name.length > LONGEST_USER ? maskedBytes(name.length) : maskDialled(`${scheme}:${name}@h`).slice(scheme.length + 1, -2);
  return `${shown}${colon < 0 ? "" : `:${MASKED}`}${parts.slice(1).map(maskParameter).join("")}${query < 0 ? "" : `?${MASKED}`}`;
}

function maskHost(text: string): string {
  const query = text.indexOf("?");
  const parts = (query < 0 ? text : text.slice(0, query)).split(";");
  return `${maskDialled(`sip:${parts[0]!}`).slice(4)}${parts.slice(1).map(maskParameter).join("")}${query < 0 ? "" : `?${MASKED}`}`;
}

function maskParameter(text: string): string {
  const equals = text.indexOf("=");
  const name = (equals < 0 ? text : text.slice(0, equals)).trim().toLowerCase();
  if (!isToken(name) || name.length > 32 || /[0-9]/.test(name)) return `;${MASKED}`;
  if (equals < 0) return `;${name}`;
  const value = text.slice(equals + 1).trim();
  return URI_PARAMETERS.has(name) && value.length <= LONGEST_VALUE ? `;${name}=${maskText(value)}` : `;${name}=${MASKED}`;
}

/** Where the first of `set` stands in `text`; its length where there is none. */
function endOf(text: string, set: string): number {
  for (let i = 0; i < text.length; i++) if (set.includes(text[i]!)) return i;
  return text.length;
}

/** The value of an address field: one or several, with display names and parameters. A byte string. */
export function maskAddresses(value: string): string {
  return splitList(value)
    .map((element) => {
      if (element === "*") return "*";
      const address = tryParseNameAddr(element);
      if (address === undefined) return maskedBytes(element.length);
      const name = address.name === undefined || address.name === "" ? "" : `${quote(printable(maskName(utf8(address.name)), 128))} `;
      return `${name}<${maskUri(utf8(address.uriText))}>${maskParams(address.params, FIELD_PARAMETERS)}`;
    })
    .join(", ");
}

/** `;name=value` of the parameters in `known`; of others the name alone. */
export function maskParams(params: Params, known: ReadonlySet<string>): string {
  let out = "";
  for (const [name, value] of params) {
    if (!isToken(name) || name.length > 32) out += `;${MASKED}`;
    else if (value === null) out += /[0-9]/.test(name) ? `;${MASKED}` : `;${name}`;
    else out += known.has(name) && value.length <= LONGEST_VALUE ? `;${name}=${printable(utf8(value))}` : `;${name}=${MASKED}`;
  }
  return out;
}
