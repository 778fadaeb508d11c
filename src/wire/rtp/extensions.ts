/** Elements of a header extension, RFC 8285: the one-byte form (profile 0xBEDE) and the two-byte form (0x1000 to 0x100F). */

/** One element: the local id that `a=extmap` gave a meaning, and its data. */
export interface HeaderExtensionElement {
  readonly id: number;
  readonly data: Uint8Array;
}

/** Profile field of the one-byte form, RFC 8285 section 4.2. */
const ONE_BYTE_PROFILE = 0xbede;
/** Profile field of the two-byte form with appbits 0, RFC 8285 section 4.3. */
const TWO_BYTE_PROFILE = 0x1000;

/**
 * The elements of an extension's data, as views into it. Undefined when the profile is neither of RFC 8285's or an element runs past
 * the end. Padding is skipped; id 15 of the one-byte form ends the reading (section 4.2).
 */
export function parseHeaderExtensions(profile: number, data: Uint8Array): HeaderExtensionElement[] | undefined {
  if (profile === ONE_BYTE_PROFILE) return parseElements(data, 1);
  if ((profile & 0xfff0) === TWO_BYTE_PROFILE) return parseElements(data, 2);
  return undefined;
}

function parseElements(data: Uint8Array, head: 1 | 2): HeaderExtensionElement[] | undefined {
  const elements: HeaderExtensionElement[] = [];
  let at = 0;
  while (at < data.length) {
    const first = data[at]!;
    if (first === 0) {
      at++;
      continue;
    }
    let id = first;
    let length: number;
    if (head === 1) {
      id = first >> 4;
      if (id === 15) break;
      length = (first & 0x0f) + 1;
    } else {
      if (at + 1 >= data.length) return undefined;
      length = data[at + 1]!;
    }
    at += head;
    if (at + length > data.length) return undefined;
    // A zero id with a length is padding that lies about itself: skipped (section 4.2).
    if (id !== 0) elements.push({ id, data: data.subarray(at, at + length) });
    at += length;
  }
  return elements;
}

/**
 * Packs elements for `writeRtpHeader`, in the one-byte form where every element fits it (ids 1 to 14, 1 to 16 bytes), else in the
 * two-byte form (ids 1 to 255, 0 to 255 bytes). Throws RangeError for an element that fits neither.
 */
export function packHeaderExtensions(elements: readonly HeaderExtensionElement[]): { profile: number; data: Uint8Array } {
  const oneByte = elements.every(({ id, data }) => id >= 1 && id <= 14 && data.length >= 1 && data.length <= 16);
  const head = oneByte ? 1 : 2;
  const length = elements.reduce((sum, { data }) => sum + head + data.length, 0);
  const out = new Uint8Array((length + 3) & ~3);
  let at = 0;
  for (const { id, data } of elements) {
    if (id < 1 || id > 255 || data.length > 255) throw new RangeError(`header extension ${id} of ${data.length} bytes fits no form`);
    if (oneByte) {
      out[at++] = (id << 4) | (data.length - 1);
    } else {
      out[at++] = id;
      out[at++] = data.length;
    }
    out.set(data, at);
    at += data.length;
  }
  return { profile: oneByte ? ONE_BYTE_PROFILE : TWO_BYTE_PROFILE, data: out };
}
