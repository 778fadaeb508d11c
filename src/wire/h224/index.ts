/** Clients of H.224 (clause 7): the channel's own management, and far-end camera control (H.281). */
export const H224_CLIENT = { management: 0x00, cameraControl: 0x01 } as const;

/** One frame: a Q.922 address, a UI control octet, terminal addresses, a client, and its data. */
export interface H224Frame {
  /** Bits 0 to 6 of the client octet; 0x7e and 0x7f begin longer forms, which nobody uses here. */
  readonly client: number;
  /** Begins and ends a message: segments are passed on one by one. */
  readonly begins: boolean;
  readonly ends: boolean;
  /** What the client says, without the head. */
  readonly data: Uint8Array;
}

/** Address (2), control (1), destination and source terminal (2 + 2), client (1), segmenting (1). */
const HEAD = 9;
const LONGEST = 270;
const UNNUMBERED_INFORMATION = 0x03;

/** Reads a frame as RFC 4573 section 4 puts it into RTP: without flags, stuffing or check sequence. */
export function parseH224(bytes: Uint8Array): H224Frame | undefined {
  if (bytes.length < HEAD || bytes.length > LONGEST || bytes[2] !== UNNUMBERED_INFORMATION) return undefined;
  // extension bits of a two-octet address (Q.922 clause 3.3)
  if ((bytes[0]! & 1) !== 0 || (bytes[1]! & 1) !== 1) return undefined;
  const client = bytes[7]! & 0x7f;
  if (client >= 0x7e) return undefined;
  const segment = bytes[8]!;
  return { client, begins: (segment & 0x40) !== 0, ends: (segment & 0x80) !== 0, data: bytes.slice(HEAD) };
}
