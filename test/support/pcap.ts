/** Reading captures (pcap, Ethernet, IPv4): datagrams and reassembled TCP streams, in the order of the capture. */

/** A UDP datagram, or bytes of a TCP stream as they became contiguous. */
export interface Segment {
  readonly protocol: "tcp" | "udp";
  /** `address:port`. */
  readonly from: string;
  readonly to: string;
  readonly payload: Uint8Array;
  /** Seconds since the capture's first packet. */
  readonly time: number;
}

interface Stream {
  next: number | undefined;
  early: Map<number, Uint8Array>;
}

const ETHERNET = 1;

/** Segments of a capture; TCP retransmissions are dropped and segments out of order put right. */
export function readCapture(file: Uint8Array): Segment[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const magic = view.getUint32(0, true);
  if (magic !== 0xa1b2c3d4) throw new Error(`not a little-endian microsecond pcap: ${magic.toString(16)}`);
  if (view.getUint32(20, true) !== ETHERNET) throw new Error("not Ethernet");
  const out: Segment[] = [];
  const streams = new Map<string, Stream>();
  let at = 24;
  let start: number | undefined;
  while (at + 16 <= file.length) {
    const seconds = view.getUint32(at, true) + view.getUint32(at + 4, true) / 1e6;
    start ??= seconds;
    const length = view.getUint32(at + 8, true);
    const frame = file.subarray(at + 16, at + 16 + length);
    at += 16 + length;
    readFrame(frame, seconds - start, streams, out);
  }
  return out;
}

function readFrame(frame: Uint8Array, time: number, streams: Map<string, Stream>, out: Segment[]): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (view.getUint16(12) !== 0x0800) return;
  const ip = 14;
  const header = (frame[ip]! & 0x0f) * 4;
  const end = ip + view.getUint16(ip + 2);
  const at = ip + header;
  const address = (o: number) => [...frame.subarray(o, o + 4)].join(".");
  const from = `${address(ip + 12)}:${view.getUint16(at)}`;
  const to = `${address(ip + 16)}:${view.getUint16(at + 2)}`;
  if (frame[ip + 9] === 17) {
    out.push({ protocol: "udp", from, to, payload: frame.slice(at + 8, end), time });
    return;
  }
  if (frame[ip + 9] !== 6) return;
  const flags = frame[at + 13]!;
  const key = `${from}>${to}`;
  const sequence = view.getUint32(at + 4);
  const syn = (flags & 2) !== 0;
  let stream = streams.get(key);
  if (syn || stream === undefined) {
    stream = { next: syn ? (sequence + 1) >>> 0 : sequence, early: new Map() };
    streams.set(key, stream);
    if (syn) return;
  }
  const payload = frame.slice(at + (frame[at + 12]! >>> 4) * 4, end);
  if (payload.length > 0) stream.early.set(sequence, payload);
  for (;;) {
    const next = stream.next!;
    const ready = stream.early.get(next);
    if (ready === undefined) {
      for (const [s, p] of stream.early) if (((next - s) | 0) >= p.length) stream.early.delete(s);
      return;
    }
    stream.early.delete(next);
    stream.next = (next + ready.length) >>> 0;
    out.push({ protocol: "tcp", from, to, payload: ready, time });
  }
}
