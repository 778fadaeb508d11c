import { maskDialled, maskText } from "../base/pin-mask.ts";
import { trimEndOf } from "../base/text.ts";
import { decodeRas, decodeSignalling, element, IE, readCause, readDisplay, readNumber } from "../wire/h225/index.ts";
import { decodeControl, decodeFastStart } from "../wire/h245/index.ts";
import { ipText } from "./address.ts";

/** A message as people read it: `name` says what it is, `content` all it has. Secrets are not in it. */
export interface Readable {
  readonly name: string;
  readonly content: unknown;
  /** Hexadecimal; where the message says which call it belongs to. */
  readonly callIdentifier?: string | undefined;
}

const SECRET = "[secret]";

/** What could be a PIN, or is a key: user input, tokens, media keys (H.235.1, H.235.6). */
const SECRETS = new Set([
  "alphanumeric",
  "signalType",
  "encryptedAlphanumeric",
  "encryptedSignalType",
  "tokens",
  "cryptoTokens",
  "h235Key",
  "dhkey",
  "challenge",
  "password",
  "integrityCheckValue",
  "integrity",
  "nonStandardData",
  "nonStandard",
  "nonStandardParameter",
  "userUserInformation",
  "$more",
  "$unknown",
]);

/** A PIN behind a number dialled: `2000**1234`, `2000##1234`, escaped or not. */
const PIN = /(?:\*|%2a){2}|(?:#|%23){2}/i;

/** A number dialled, with what follows the separator of a PIN left out. */
function withoutPin(text: string): string {
  const found = PIN.exec(text);
  return found === null ? text : `${text.slice(0, found.index + found[0].length)}${SECRET}`;
}

/** Octet strings that are shown: identifiers, and what parameters of capabilities hold. What others hold is not known. */
const SHOWN = new Set(["guid", "conferenceID", "nonCollapsingRaw", "ethernet", "callReferenceValue"]);
/** Octets shown of one at most. */
const MOST = 24;

/** A payload of the signalling connection, with tunnelled control and fast start elements decoded in their place. Throws what decoding throws. */
export function readableSignalling(bytes: Uint8Array): Readable {
  const message = decodeSignalling(bytes);
  const tunnelled = (message.info?.["h323-uu-pdu"].h245Control ?? []).map((b) => nameOf(decodeControl(b)));
  const number = (id: number) => readNumber(element(message, id));
  const called = number(IE.calledPartyNumber);
  const fields = {
    callReference: message.callReference,
    display: maskOptional(readDisplay(element(message, IE.display))),
    calling: maskOptional(number(IE.callingPartyNumber)),
    // Digits that come after Setup may be all of a PIN.
    called: called === undefined ? undefined : message.type === "setup" ? maskDialled(withoutPin(called)) : SECRET,
    keypad: element(message, IE.keypad) === undefined ? undefined : SECRET,
    cause: readCause(element(message, IE.cause)),
    ...(shown(message.info?.["h323-uu-pdu"] ?? {}) as object),
  };
  const body = message.info?.["h323-uu-pdu"]["h323-message-body"];
  return { name: [String(message.type), ...tunnelled].join(" "), content: fields, callIdentifier: callIdentifierOf(body) };
}

/** A RAS message. */
export function readableRas(bytes: Uint8Array): Readable {
  const message = decodeRas(bytes);
  return { name: Object.keys(message)[0] ?? "unknown", content: shown(message), callIdentifier: callIdentifierOf(message) };
}

/** That of the one alternative which a choice holds. */
function callIdentifierOf(choice: object | undefined): string | undefined {
  const inner: unknown = Object.values(choice ?? {})[0];
  const guid = (inner as { callIdentifier?: { guid?: unknown } } | null | undefined)?.callIdentifier?.guid;
  return guid instanceof Uint8Array ? Buffer.from(guid).toString("hex") : undefined;
}

function maskOptional(text: string | undefined): string | undefined {
  return text === undefined ? undefined : maskText(maskDialled(withoutPin(text)));
}

/** A payload of the control connection. */
export function readableControl(bytes: Uint8Array): Readable {
  const message = decodeControl(bytes);
  return { name: nameOf(message), content: shown(message) };
}

/** `request.openLogicalChannel`. */
function nameOf(message: object): string {
  const [kind, inner] = Object.entries(message)[0] ?? ["unknown", {}];
  return `${kind}.${Object.keys((inner ?? {}) as object)[0] ?? "?"}`;
}

function shown(value: unknown, key = ""): unknown {
  if (SECRETS.has(key)) return SECRET;
  if (typeof value === "string") return maskText(maskDialled(withoutPin(value)));
  if (value instanceof Uint8Array) return octets(value, key);
  if (Array.isArray(value)) {
    if (key === "fastStart") return value.map((element) => shown(attempt(decodeFastStart, element as Uint8Array)));
    if (key === "h245Control" || key === "parallelH245Control")
      return value.map((element) => shown(attempt(decodeControl, element as Uint8Array)));
    return value.map((element) => shown(element));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner, name)]));
}

function attempt(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch {
    return bytes;
  }
}

function octets(bytes: Uint8Array, key: string): string {
  if ((key === "ip" || key === "network") && (bytes.length === 4 || bytes.length === 16)) return ipText(bytes);
  const text = Buffer.from(bytes);
  if (key === "productId" || key === "versionId") return trimEndOf(text.toString("latin1"), "\0");
  return SHOWN.has(key) && bytes.length <= MOST ? text.toString("hex") : `(${bytes.length} octets)`;
}
