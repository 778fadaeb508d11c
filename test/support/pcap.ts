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

/** A TCP payload to be written into a capture. */
export interface Spoken {
  readonly from: { readonly host: string; readonly port: number };
  readonly to: { readonly host: string; readonly port: number };
  readonly payload: Uint8Array;
}

/** A capture in which each payload is one TCP segment of its connection: for decoders of others to read what we sent. */
export function writeCapture(spoken: readonly Spoken[]): Uint8Array {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(262_144, 16);
  head.writeUInt32LE(ETHERNET, 20);
  const out: Uint8Array[] = [head];
  const sent = new Map<string, number>();
  const count = (key: string) => sent.get(key) ?? 1;
  spoken.forEach(({ from, to, payload }, i) => {
    const key = `${from.host}:${from.port}>${to.host}:${to.port}`;
    const back = `${to.host}:${to.port}>${from.host}:${from.port}`;
    const frame = Buffer.alloc(54 + payload.length);
    frame.writeUInt16BE(0x0800, 12);
    frame[14] = 0x45;
    frame.writeUInt16BE(40 + payload.length, 16);
    frame[22] = 64;
    frame[23] = 6;
    Buffer.from(from.host.split(".").map(Number)).copy(frame, 26);
    Buffer.from(to.host.split(".").map(Number)).copy(frame, 30);
    frame.writeUInt16BE(from.port, 34);
    frame.writeUInt16BE(to.port, 36);
    frame.writeUInt32BE(count(key), 38);
    frame.writeUInt32BE(count(back), 42);
    frame[46] = 0x50;
    frame[47] = 0x18;
    frame.writeUInt16BE(65_535, 48);
    frame.set(payload, 54);
    sent.set(key, count(key) + payload.length);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_700_000_000 + Math.floor(i / 100), 0);
    record.writeUInt32LE((i % 100) * 10_000, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    out.push(record, frame);
  });
  return Buffer.concat(out);
}
