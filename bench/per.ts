/** Microseconds to decode and encode captured PDUs: `node bench/per.ts`. */
import { decodeSignalling, encodeSignalling } from "../src/wire/h225/index.ts";
import { decodeControl, decodeFastStart, encodeControl, encodeFastStart } from "../src/wire/h245/index.ts";
import { capturedControl, capturedPdus, embedded } from "../test/support/h323-captures.ts";

function microseconds(run: () => unknown): number {
  const rounds = 3000;
  for (let i = 0; i < rounds; i++) run();
  const times: number[] = [];
  for (let pass = 0; pass < 5; pass++) {
    const start = performance.now();
    for (let i = 0; i < rounds; i++) run();
    times.push(((performance.now() - start) * 1000) / rounds);
  }
  return times.sort((a, b) => a - b)[2]!;
}

const file = "ast16-allaudio-fs_yes-tun_yes.pcap";
const signalling = capturedPdus(file).filter((p) => p.kind === "q931");
const rows: { pdu: string; octets: number; decode: number; encode: number }[] = [];
function measure<T>(pdu: string, bytes: Uint8Array, decode: (b: Uint8Array) => T, encode: (v: T) => Uint8Array): void {
  const value = decode(bytes);
  rows.push({ pdu, octets: bytes.length, decode: microseconds(() => decode(bytes)), encode: microseconds(() => encode(value)) });
}

for (const type of ["setup", "callProceeding", "alerting", "connect", "facility", "releaseComplete"])
  for (const p of signalling.filter((s) => decodeSignalling(s.bytes).type === type).slice(0, 1))
    measure(type, p.bytes, decodeSignalling, encodeSignalling);
for (const bytes of embedded(decodeSignalling(signalling[0]!.bytes)).fastStart.slice(0, 1))
  measure("fast start element", bytes, decodeFastStart, encodeFastStart);
const seen = new Set<string>();
for (const bytes of capturedControl(file)) {
  const message = decodeControl(bytes);
  const name = Object.values(message).flatMap((m) => Object.keys(m as object))[0]!;
  if (seen.has(name)) continue;
  seen.add(name);
  measure(name, bytes, decodeControl, encodeControl);
}
console.table(
  rows.map((r) => ({ pdu: r.pdu, octets: r.octets, "decode µs": Number(r.decode.toFixed(1)), "encode µs": Number(r.encode.toFixed(1)) })),
);
