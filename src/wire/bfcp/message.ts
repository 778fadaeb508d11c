/** RFC 8855 section 5.1: what a message is. */
export const PRIMITIVE = {
  floorRequest: 1,
  floorRelease: 2,
  floorRequestQuery: 3,
  floorRequestStatus: 4,
  userQuery: 5,
  userStatus: 6,
  floorQuery: 7,
  floorStatus: 8,
  chairAction: 9,
  chairActionAck: 10,
  hello: 11,
  helloAck: 12,
  error: 13,
  floorRequestStatusAck: 14,
  floorStatusAck: 15,
  goodbye: 16,
  goodbyeAck: 17,
} as const;

/** RFC 8855 section 5.2. */
export const ATTRIBUTE = {
  beneficiaryId: 1,
  floorId: 2,
  floorRequestId: 3,
  priority: 4,
  requestStatus: 5,
  errorCode: 6,
  errorInfo: 7,
  participantProvidedInfo: 8,
  statusInfo: 9,
  supportedAttributes: 10,
  supportedPrimitives: 11,
  userDisplayName: 12,
  userUri: 13,
  beneficiaryInformation: 14,
  floorRequestInformation: 15,
  requestedByInformation: 16,
  floorRequestStatus: 17,
  overallRequestStatus: 18,
} as const;

/** RFC 8855 section 5.2.5. */
export const REQUEST_STATUS = { pending: 1, accepted: 2, granted: 3, denied: 4, cancelled: 5, released: 6, revoked: 7 } as const;

/** RFC 8855 section 5.2.6. */
export const BFCP_ERROR = {
  conferenceUnknown: 1,
  userUnknown: 2,
  unknownPrimitive: 3,
  unknownMandatoryAttribute: 4,
  unauthorized: 5,
  invalidFloor: 6,
  floorRequestUnknown: 7,
  unsupportedVersion: 12,
  incorrectLength: 13,
} as const;

/** One attribute: a number, a text, or bytes; grouped ones have the number that heads them and their members. */
export interface BfcpAttribute {
  readonly type: number;
  /** M: who does not know it must refuse the message. */
  readonly mandatory: boolean;
  /** Without header and padding. */
  readonly value: Uint8Array;
}

export interface BfcpMessage {
  /** 1: over TCP, and over UDP with those who came before RFC 8855; 2: over UDP. */
  readonly version: number;
  /** R: answers a transaction of the other side's. Version 2 only. */
  readonly response: boolean;
  readonly primitive: number;
  readonly conferenceId: number;
  readonly transactionId: number;
  readonly userId: number;
  readonly attributes: readonly BfcpAttribute[];
}

const HEADER = 12;
const GROUPED: ReadonlySet<number> = new Set([14, 15, 16, 17, 18]);

/** Length in bytes of the message that starts a stream; undefined while its head is not there. */
export function bfcpLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < 4) return undefined;
  return HEADER + 4 * ((bytes[2]! << 8) | bytes[3]!);
}

/**
 * Reads one message. Undefined for what is none: too short, another version, a length that does not fit, a fragment (our messages and a room's fit
 * into one datagram; RFC 8855 section 6.2.3).
 */
export function parseBfcp(bytes: Uint8Array): BfcpMessage | undefined {
  if (bytes.length < HEADER || bfcpLength(bytes) !== bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view.getUint8(0);
  const version = first >> 5;
  if (version < 1 || version > 2 || (first & 0x08) !== 0) return undefined;
  const attributes = parseAttributes(bytes.subarray(HEADER));
  if (!attributes) return undefined;
  return {
    version,
    response: version > 1 && (first & 0x10) !== 0,
    primitive: view.getUint8(1),
    conferenceId: view.getUint32(4),
    transactionId: view.getUint16(8),
    userId: view.getUint16(10),
    attributes,
  };
}

function parseAttributes(bytes: Uint8Array): BfcpAttribute[] | undefined {
  const attributes: BfcpAttribute[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 2 > bytes.length) return undefined;
    const length = bytes[at + 1]!;
    if (length < 2 || at + length > bytes.length) return undefined;
    attributes.push({ type: bytes[at]! >> 1, mandatory: (bytes[at]! & 1) === 1, value: bytes.slice(at + 2, at + length) });
    at += Math.ceil(length / 4) * 4;
  }
  return attributes;
}

/** Throws RangeError for a message that does not fit its length field. */
export function writeBfcp(message: BfcpMessage): Uint8Array {
  const body = writeAttributes(message.attributes);
  if (body.length > 4 * 0xffff) throw new RangeError("the message is too long");
  const bytes = new Uint8Array(HEADER + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, (message.version << 5) | (message.response && message.version > 1 ? 0x10 : 0));
  view.setUint8(1, message.primitive);
  view.setUint16(2, body.length / 4);
  view.setUint32(4, message.conferenceId);
  view.setUint16(8, message.transactionId);
  view.setUint16(10, message.userId);
  bytes.set(body, HEADER);
  return bytes;
}

function writeAttributes(attributes: readonly BfcpAttribute[]): Uint8Array {
  const padded = attributes.map(({ value }) => Math.ceil((value.length + 2) / 4) * 4);
  const bytes = new Uint8Array(padded.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const [index, { type, mandatory, value }] of attributes.entries()) {
    if (value.length > 253) throw new RangeError("the attribute is too long");
    bytes[at] = (type << 1) | (mandatory ? 1 : 0);
    bytes[at + 1] = value.length + 2;
    bytes.set(value, at + 2);
    at += padded[index]!;
  }
  return bytes;
}

/** An attribute whose value is one 16-bit number. */
export function numberAttribute(type: number, value: number): BfcpAttribute {
  return { type, mandatory: true, value: Uint8Array.of(value >> 8, value & 0xff) };
}

/** REQUEST-STATUS; queue position 0 where there is none. */
export function statusAttribute(status: number): BfcpAttribute {
  return { type: ATTRIBUTE.requestStatus, mandatory: true, value: Uint8Array.of(status, 0) };
}

/** A grouped attribute: the number that heads it and its members (RFC 8855 sections 5.2.14 to 5.2.18). */
export function groupAttribute(type: number, head: number, members: readonly BfcpAttribute[]): BfcpAttribute {
  const body = writeAttributes(members);
  const value = new Uint8Array(2 + body.length);
  value[0] = head >> 8;
  value[1] = head & 0xff;
  value.set(body, 2);
  return { type, mandatory: true, value };
}

/** The number in an attribute of its type, or at the head of a group; undefined where there is none. */
export function numberOf(message: { readonly attributes: readonly BfcpAttribute[] }, type: number): number | undefined {
  const value = message.attributes.find((attribute) => attribute.type === type)?.value;
  return value && value.length >= 2 ? (value[0]! << 8) | value[1]! : undefined;
}

/** Members of a group; empty where it is none or malformed. */
export function membersOf({ type, value }: BfcpAttribute): BfcpAttribute[] {
  return GROUPED.has(type) && value.length >= 2 ? (parseAttributes(value.subarray(2)) ?? []) : [];
}
