/** SDP (RFC 8866) as a trace shows it: line by line, attributes by a list of those that hold no key. */
import { maskDialled, maskText } from "../base/pin-mask.ts";
import { isToken } from "../wire/sip/index.ts";
import { MASKED, maskedBytes, printable } from "./printable.ts";

/** Attributes whose values are shown. `crypto`, `key-mgmt`, `ice-pwd`, `ice-ufrag` and the like are none of them. */
const SHOWN = new Set(
  (
    "rtpmap fmtp ptime maxptime rtcp rtcp-mux rtcp-rsize rtcp-fb ssrc ssrc-group candidate remote-candidates end-of-candidates ice-options ice-lite " +
    "setup connection fingerprint mid group msid msid-semantic extmap extmap-allow-mixed content label lang framerate framesize imageattr rid simulcast " +
    "sendrecv sendonly recvonly inactive floorctrl confid userid floorid bfcpver sctp-port sctpmap max-message-size tcap acap pcfg acfg csup creq " +
    "silencesupp x-rtp-session-id rtcp-xr maxprate quality type charset tool direction"
  ).split(" "),
);
/** Of those, the ones that may carry an attribute in their value (RFC 5939): what they carry is not shown. */
const NESTED = new Set(["acap", "ssrc"]);
/** Of those, the ones without a value, and the ones whose value is a number. */
const FLAGS = new Set("rtcp-mux rtcp-rsize end-of-candidates ice-lite extmap-allow-mixed sendrecv sendonly recvonly inactive".split(" "));
const NUMBERS = new Set("ptime maxptime framerate maxprate quality sctp-port max-message-size confid userid bfcpver".split(" "));
const MOST_LINES = 400;
const LONGEST_LINE = 1_000;

/** `text` is a byte string or decoded. The result has lines ended by `\n`. */
export function maskSdp(text: string): string {
  const lines = text.split("\n");
  const out = lines.slice(0, MOST_LINES).map((line) => maskLine(line.endsWith("\r") ? line.slice(0, -1) : line));
  if (lines.length > MOST_LINES) out.push(`[${lines.length - MOST_LINES} more lines]`);
  while (out.at(-1) === "") out.pop();
  return out.join("\n");
}

function maskLine(line: string): string {
  if (line === "") return "";
  if (line.length > LONGEST_LINE || line[1] !== "=") return maskedBytes(line.length);
  const type = line[0]!.toLowerCase();
  const value = line.slice(2);
  switch (type) {
    case "v":
      return /^\d{1,3}$/.test(value) ? `${type}=${value}` : `${type}=${maskedBytes(value.length)}`;
    case "b":
      return /^[A-Za-z0-9-]{1,16}:\d{1,12}$/.test(value) ? `${type}=${value}` : `${type}=${maskedBytes(value.length)}`;
    case "t":
    case "r":
    case "z":
    case "c":
    case "m":
      return `${type}=${printable(value)}`;
    case "s":
      return `${type}=${printable(maskText(value))}`;
    case "o": {
      const [user = "", ...rest] = value.split(" ");
      return `${type}=${printable([maskDialled(user), ...rest].join(" "))}`;
    }
    case "a":
      return `${type}=${maskAttribute(value)}`;
    default:
      return /^[a-z]$/.test(type) ? `${type}=${maskedBytes(value.length)}` : maskedBytes(line.length);
  }
}

function maskAttribute(text: string): string {
  let end = 0;
  while (end < text.length && text[end] !== ":" && text[end] !== " " && text[end] !== "\t") end++;
  const name = text.slice(0, end).toLowerCase();
  const value = text.slice(end + 1);
  if (SHOWN.has(name)) {
    if (end === text.length) return name;
    if (FLAGS.has(name) || (NUMBERS.has(name) && !/^[\d. ]{1,32}$/.test(value))) return `${name}:${maskedBytes(value.length)}`;
    if (NESTED.has(name)) return `${name}:${printable(value.slice(0, endOfNested(value)))}`;
    return `${name}:${printable(value)}`;
  }
  if (name === "crypto") return `crypto:${cryptoHead(value)}${MASKED}`;
  return isToken(name) && name.length <= 32 && end < text.length ? `${name}:${maskedBytes(value.length)}` : maskedBytes(text.length);
}

/** Tag and suite of a crypto line (RFC 4568), where they are what they are to be. */
function cryptoHead(value: string): string {
  const [tag = "", suite = ""] = value.trim().split(/[ \t]/, 2);
  const known = /^(?:A[A-Z]{1,3}_|F8_|SEED_|NULL_)[A-Z0-9_]{4,40}$/i.test(suite);
  return known && /^\d{1,9}$/.test(tag) ? `${tag} ${suite} ` : "";
}

/** `acap:1 crypto:...` is shown as `acap:1 crypto`; `ssrc:1 cname:x` as it is. */
function endOfNested(value: string): number {
  const space = value.indexOf(" ");
  const colon = value.indexOf(":", space + 1);
  if (space < 0 || colon < 0) return space < 0 ? value.length : colon < 0 ? space : colon;
  return ["cname", "msid", "mslabel", "label"].includes(value.slice(space + 1, colon).toLowerCase()) ? value.length : colon;
}
