/**
 * RTP data packets, RFC 3550 section 5.1:
 *
 *     V=2 P X CC(4) | M PT(7) | sequence number(16)
 *     timestamp(32)
 *     SSRC(32)
 *     CSRC(32) * CC
 *     [ profile(16) length in words(16), extension ]   if X (section 5.3.1)
 *     payload, [ padding, last octet is its length ]   if P
 */

/** Length of the fixed header in bytes. */
export const RTP_HEADER_LENGTH = 12;

/** Contributing sources a header can list. */
const RTP_MAX_CSRCS = 15;

const NO_CSRCS: readonly number[] = Object.freeze([]);

/**
 * One received RTP packet: header fields, and where in `bytes` the parts lie. Nothing is copied; the packet is valid as long as
 * `bytes` is left alone.
 */
export class RtpPacket {
  readonly bytes: Uint8Array;
  readonly marker: boolean;
  /** 0 to 127. */
  readonly payloadType: number;
  /** 0 to 65535. */
  readonly sequenceNumber: number;
  /** RTP ticks, unsigned 32 bit. */
  readonly timestamp: number;
  readonly ssrc: number;
  readonly csrcs: readonly number[];
  /** "Defined by profile" field of the header extension, -1 without one. */
  readonly extensionProfile: number;
  /** First byte of the extension's data (after its four-byte head); equals `headerLength` without one. */
  readonly extensionOffset: number;
  /** Fixed header, CSRCs and extension, in bytes: where the payload starts. */
  readonly headerLength: number;
  /** Payload bytes, padding not counted. */
  readonly payloadLength: number;
  /** Padding bytes at the end, its count octet included. */
  readonly paddingLength: number;

  /** Use {@link parseRtp}. */
  constructor(bytes: Uint8Array, headerLength: number, extensionOffset: number, extensionProfile: number, end: number, padding: number) {
    const b1 = bytes[1]!;
    this.bytes = bytes;
    this.marker = (b1 & 0x80) !== 0;
    this.payloadType = b1 & 0x7f;
    this.sequenceNumber = (bytes[2]! << 8) | bytes[3]!;
    this.timestamp = readUint32(bytes, 4);
    this.ssrc = readUint32(bytes, 8);
    const count = bytes[0]! & 0x0f;
    this.csrcs = count === 0 ? NO_CSRCS : Array.from({ length: count }, (_, i) => readUint32(bytes, RTP_HEADER_LENGTH + 4 * i));
    this.extensionProfile = extensionProfile;
    this.extensionOffset = extensionOffset;
    this.headerLength = headerLength;
    this.payloadLength = end - headerLength - padding;
    this.paddingLength = padding;
  }

  /** The payload, a view into `bytes`. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.headerLength, this.headerLength + this.payloadLength);
  }

  /** The header extension's data, a view into `bytes`; undefined without one. For its elements see `parseHeaderExtensions`. */
  get extension(): Uint8Array | undefined {
    return this.extensionProfile < 0 ? undefined : this.bytes.subarray(this.extensionOffset, this.headerLength);
  }
}

/**
 * Reads one RTP packet from the first `length` bytes. Undefined if it is none: shorter than its header says, another version, or
 * more padding than there is room for (RFC 3550 appendix A.1).
 */
export function parseRtp(bytes: Uint8Array, length = bytes.length): RtpPacket | undefined {
  const headerLength = rtpHeaderLength(bytes, length);
  if (headerLength < 0) return undefined;
  const b0 = bytes[0]!;
  let profile = -1;
  let extensionOffset = headerLength;
  if ((b0 & 0x10) !== 0) {
    const head = RTP_HEADER_LENGTH + 4 * (b0 & 0x0f);
    profile = (bytes[head]! << 8) | bytes[head + 1]!;
    extensionOffset = head + 4;
  }
  let padding = 0;
  if ((b0 & 0x20) !== 0) {
    padding = length > headerLength ? bytes[length - 1]! : 0;
    if (padding === 0 || headerLength + padding > length) return undefined;
  }
  return new RtpPacket(bytes, headerLength, extensionOffset, profile, length, padding);
}

/**
 * Bytes of header, CSRCs and extension of an RTP packet of `length` bytes; -1 if it is malformed. All that SRTP needs to know
 * before it has decrypted: padding is not looked at.
 */
export function rtpHeaderLength(bytes: Uint8Array, length: number): number {
  if (length < RTP_HEADER_LENGTH || bytes[0]! >> 6 !== 2) return -1;
  const b0 = bytes[0]!;
  let header = RTP_HEADER_LENGTH + 4 * (b0 & 0x0f);
  if ((b0 & 0x10) !== 0) {
    if (length < header + 4) return -1;
    header += 4 + 4 * ((bytes[header + 2]! << 8) | bytes[header + 3]!);
  }
  return header <= length ? header : -1;
}

/** What a sender says in a header. Numbers are taken modulo their field's width. */
export interface RtpHeaderFields {
  readonly payloadType: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker?: boolean;
  readonly csrcs?: readonly number[];
  /** Header extension: its profile field and data, whose length must be a multiple of 4. */
  readonly extension?: { readonly profile: number; readonly data: Uint8Array };
}

/** Bytes {@link writeRtpHeader} will write. */
function rtpHeaderSize(fields: RtpHeaderFields): number {
  return RTP_HEADER_LENGTH + 4 * (fields.csrcs?.length ?? 0) + (fields.extension ? 4 + fields.extension.data.length : 0);
}

/**
 * Writes a header at the start of `out` and returns its length in bytes: the payload goes there.
 * Throws RangeError for more than 15 CSRCs or an extension that is not whole words.
 */
function writeRtpHeader(out: Uint8Array, fields: RtpHeaderFields): number {
  const { csrcs, extension } = fields;
  const count = csrcs?.length ?? 0;
  if (count > RTP_MAX_CSRCS) throw new RangeError(`${count} CSRCs, at most ${RTP_MAX_CSRCS} fit`);
  out[0] = 0x80 | (extension ? 0x10 : 0) | count;
  out[1] = (fields.marker ? 0x80 : 0) | (fields.payloadType & 0x7f);
  out[2] = fields.sequenceNumber >>> 8;
  out[3] = fields.sequenceNumber;
  writeUint32(out, 4, fields.timestamp);
  writeUint32(out, 8, fields.ssrc);
  let at = RTP_HEADER_LENGTH;
  if (csrcs) {
    for (const csrc of csrcs) {
      writeUint32(out, at, csrc);
      at += 4;
    }
  }
  if (extension) {
    const { profile, data } = extension;
    if (data.length % 4 !== 0 || data.length > 4 * 0xffff) throw new RangeError(`an extension of ${data.length} bytes is not whole words`);
    out[at] = profile >>> 8;
    out[at + 1] = profile;
    out[at + 2] = data.length >>> 10;
    out[at + 3] = data.length >>> 2;
    out.set(data, at + 4);
    at += 4 + data.length;
  }
  return at;
}

/** A whole packet in a buffer of its own: header, payload, and `padding` bytes (0 to 255) if wanted. */
export function buildRtp(fields: RtpHeaderFields, payload: Uint8Array, padding = 0): Buffer {
  const head = rtpHeaderSize(fields);
  const out = Buffer.alloc(head + payload.length + padding);
  writeRtpHeader(out, fields);
  out.set(payload, head);
  if (padding > 0) {
    out[0]! |= 0x20;
    out[out.length - 1] = padding;
  }
  return out;
}

/**
 * Whether a datagram that starts like RTP is RTCP: its second byte is 192 to 223 (RFC 5761 section 4). For ports that carry both.
 */
export function isRtcp(bytes: Uint8Array): boolean {
  const type = bytes[1]!;
  return bytes.length >= 4 && bytes[0]! >> 6 === 2 && type >= 192 && type <= 223;
}

/** Signed distance from `from` to `to` in 16-bit sequence numbers: positive when `to` is newer. */
export function sequenceDistance(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

/** Signed distance from `from` to `to` in 32-bit timestamps: positive when `to` is later. */
export function timestampDistance(from: number, to: number): number {
  return (to - from) | 0;
}

/** Reads an unsigned 32-bit big-endian number. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Writes the low 32 bits big-endian. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
