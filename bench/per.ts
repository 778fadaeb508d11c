/** Microseconds to decode and encode captured PDUs, as a table: `node bench/per.ts`. */
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
  // The fastest pass: what else a busy machine did is not ours.
  return Math.min(...times);
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
const micro = (value: number) => value.toFixed(1);
console.log(`${new Date().toISOString().slice(0, 10)}, Node.js ${process.version}, fastest of 5 passes of 3000\n`);
console.log("| PDU | octets | decode µs | encode µs |\n|---|---|---|---|");
for (const { pdu, octets, decode, encode } of rows) console.log(`| ${pdu} | ${octets} | ${micro(decode)} | ${micro(encode)} |`);
