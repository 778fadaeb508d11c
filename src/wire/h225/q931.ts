import { ParseError } from "../../base/errors.ts";
import { trimEndOf } from "../../base/text.ts";

// Q.931 as H.225.0 clause 7 profiles it.

/** Message types, Q.931 table 4-2. */
export const MESSAGE_TYPES = {
  alerting: 0x01,
  callProceeding: 0x02,
  progress: 0x03,
  setup: 0x05,
  connect: 0x07,
  setupAcknowledge: 0x0d,
  connectAcknowledge: 0x0f,
  disconnect: 0x45,
  release: 0x4d,
  releaseComplete: 0x5a,
  facility: 0x62,
  notify: 0x6e,
  statusInquiry: 0x75,
  information: 0x7b,
  status: 0x7d,
} as const;
export type MessageType = keyof typeof MESSAGE_TYPES;
const NAMES = new Map<number, MessageType>(Object.entries(MESSAGE_TYPES).map(([name, code]) => [code, name as MessageType]));

/** Information element identifiers, Q.931 4.5.1 and H.225.0 table 6. */
export const IE = {
  bearerCapability: 0x04,
  cause: 0x08,
  callState: 0x14,
  facility: 0x1c,
  progressIndicator: 0x1e,
  notificationIndicator: 0x27,
  display: 0x28,
  keypad: 0x2c,
  signal: 0x34,
  connectedNumber: 0x4c,
  callingPartyNumber: 0x6c,
  callingPartySubaddress: 0x6d,
  calledPartyNumber: 0x70,
  calledPartySubaddress: 0x71,
  redirectingNumber: 0x74,
  userUser: 0x7e,
  sendingComplete: 0xa1,
} as const;

/** An information element: identifier and contents. Those of one octet (bit 8 set, Q.931 4.5.1) have no contents. */
export interface InformationElement {
  readonly id: number;
  readonly contents: Uint8Array;
}

/** A Q.931 message with its elements in order, none lost. */
export interface Q931Message {
  readonly type: MessageType | number;
  /** 0 to 32767. */
  readonly callReference: number;
  /** The call reference flag: set by the side that did not choose the reference (Q.931 4.3). */
  readonly fromDestination: boolean;
  readonly elements: readonly InformationElement[];
}

const PROTOCOL = 8;
/** Far more than any sender has. */
const MOST_ELEMENTS = 64;

/** Decodes a message. Throws ParseError. */
export function decodeQ931(bytes: Uint8Array): Q931Message {
  if (bytes.length < 5) throw new ParseError(`Q.931 message of ${bytes.length} octets`);
  if (bytes[0] !== PROTOCOL) throw new ParseError(`protocol discriminator ${bytes[0]}`, 0);
  // H.225.0 7.2.2: two octets of call reference, always.
  if (bytes[1] !== 2) throw new ParseError(`call reference of ${bytes[1]} octets`, 1);
  const reference = (bytes[2]! << 8) | bytes[3]!;
  const code = bytes[4]!;
  const elements: InformationElement[] = [];
  let at = 5;
  while (at < bytes.length) {
    if (elements.length === MOST_ELEMENTS) throw new ParseError("too many information elements", at);
    const id = bytes[at]!;
    if (id >= 0x80) {
      elements.push({ id, contents: new Uint8Array(0) });
      at += 1;
      continue;
    }
    // H.225.0 7.2.2.31: the user-user element's length has two octets.
    const wide = id === IE.userUser ? 2 : 1;
    if (at + 1 + wide > bytes.length) throw new ParseError(`information element ${id} cut short`, at);
    const length = wide === 2 ? (bytes[at + 1]! << 8) | bytes[at + 2]! : bytes[at + 1]!;
    const start = at + 1 + wide;
    if (start + length > bytes.length)
      throw new ParseError(`information element ${id} of ${length} octets, ${bytes.length - start} left`, at);
    elements.push({ id, contents: Uint8Array.from(bytes.subarray(start, start + length)) });
    at = start + length;
  }
  return { type: NAMES.get(code) ?? code, callReference: reference & 0x7fff, fromDestination: reference >= 0x8000, elements };
}

/** Encodes a message. */
export function encodeQ931(message: Q931Message): Uint8Array {
  const code = typeof message.type === "number" ? message.type : MESSAGE_TYPES[message.type];
  const parts: Uint8Array[] = [
    Uint8Array.of(PROTOCOL, 2, (message.callReference >>> 8) | (message.fromDestination ? 0x80 : 0), message.callReference & 0xff, code),
  ];
  for (const { id, contents } of message.elements) {
    if (id >= 0x80) parts.push(Uint8Array.of(id));
    else if (id === IE.userUser) parts.push(Uint8Array.of(id, contents.length >>> 8, contents.length & 0xff), contents);
    else {
      if (contents.length > 255) throw new RangeError(`information element ${id} of ${contents.length} octets`);
      parts.push(Uint8Array.of(id, contents.length), contents);
    }
  }
  return Buffer.concat(parts);
}

/** Contents of the first element `id`, undefined when there is none. */
export function element(message: Pick<Q931Message, "elements">, id: number): Uint8Array | undefined {
  return message.elements.find((e) => e.id === id)?.contents;
}

/** Cause element, Q.931 4.5.12: location user (or `location`), ITU-T coding. `cause` is a Q.850 number. */
export function causeElement(cause: number, location = 0): InformationElement {
  return { id: IE.cause, contents: Uint8Array.of(0x80 | location, 0x80 | cause) };
}

/** Q.850 cause of a cause element. */
export function readCause(contents: Uint8Array | undefined): number | undefined {
  if (contents === undefined || contents.length < 2) return undefined;
  // Octet 3 may be extended by 3a (recommendation).
  const at = contents[0]! >= 0x80 ? 1 : 2;
  const octet = contents[at];
  return octet === undefined ? undefined : octet & 0x7f;
}

/** Bearer capability, Q.931 4.5.5: 3.1 kHz audio or unrestricted digital, `multiplier` times 64 kbit/s, layer 1 H.221/H.242 (H.225.0 7.2.2.1). */
export function bearerElement(video: boolean, multiplier = 1): InformationElement {
  const capability = video ? 0x88 : 0x90;
  const contents = multiplier === 1 ? [capability, 0x90, 0xa5] : [capability, 0x18, 0x80 | multiplier, 0xa5];
  return { id: IE.bearerCapability, contents: Uint8Array.from(contents) };
}

/** Display text, Latin-1; some senders end it with a NUL. */
export function displayElement(text: string): InformationElement {
  return { id: IE.display, contents: Buffer.from(text.slice(0, 82), "latin1") };
}
export function readDisplay(contents: Uint8Array | undefined): string | undefined {
  return contents === undefined ? undefined : displayText(contents);
}

/**
 * Q.931 4.5.16 knows IA5 only; products send UTF-8, Latin-1 and UCS-2 as in BMPString, some behind an octet that names
 * the character set, most with a NUL
 * at the end.
 */
function displayText(contents: Uint8Array): string {
  const octets = contents[0] === 0xb1 ? contents.subarray(1) : contents;
  const utf8 = trimEndOf(decodedOrNothing("utf-8", octets) ?? "\u0001", "\0");
  if (!hasControls(utf8)) return utf8;
  const latin1 = trimEndOf(Buffer.from(octets).toString("latin1"), "\0");
  if (!hasControls(latin1) || octets.length % 2 === 1) return latin1;
  const wide = trimEndOf(decodedOrNothing("utf-16be", octets) ?? "\u0001", "\0");
  return hasControls(wide) ? latin1 : wide;
}

function decodedOrNothing(encoding: "utf-8" | "utf-16be", octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(octets);
  } catch {
    return undefined;
  }
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

/** Keypad facility: digits dialled or pressed in a call. */
export function keypadElement(digits: string): InformationElement {
  return { id: IE.keypad, contents: Buffer.from(digits, "latin1") };
}
export function readText(contents: Uint8Array | undefined): string | undefined {
  return contents === undefined ? undefined : Buffer.from(contents).toString("latin1");
}

/** Called party number: type unknown, private or E.164 plan (H.225.0 7.2.2.6). */
export function calledElement(digits: string): InformationElement {
  return { id: IE.calledPartyNumber, contents: Buffer.from(`\x81${digits.slice(0, 128)}`, "latin1") };
}
/** Calling party number, presentation allowed, user-provided. */
export function callingElement(digits: string): InformationElement {
  return { id: IE.callingPartyNumber, contents: Buffer.from(`\x01\x80${digits.slice(0, 128)}`, "latin1") };
}
/** Digits of a called, calling, connected or redirecting number: behind octet 3 and its extensions. */
export function readNumber(contents: Uint8Array | undefined): string | undefined {
  if (contents === undefined || contents.length === 0) return undefined;
  let at = 0;
  while (at < contents.length && contents[at]! < 0x80) at++;
  return Buffer.from(contents.subarray(at + 1)).toString("latin1");
}

/** Progress indicator, Q.931 4.5.23: 8 is "in-band information now available". */
export function progressElement(description: number, location = 0): InformationElement {
  return { id: IE.progressIndicator, contents: Uint8Array.of(0x80 | location, 0x80 | description) };
}

/** Call state, Q.931 4.5.7. */
export function callStateElement(state: number): InformationElement {
  return { id: IE.callState, contents: Uint8Array.of(state & 0x3f) };
}
