/**
 * The same bytes in memory of their own. What is cut from a received chunk, and small buffers from Node.js's pool, share memory with whatever came
 * beside them: kept for seconds or for a call's time, a few hundred bytes hold on to many thousand. Copies only when that is so.
 */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.length === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
