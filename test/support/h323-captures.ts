import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeSignalling, type SignallingMessage, TpktReader } from "../../src/wire/h225/index.ts";
import { readCapture } from "./pcap.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/h323");

/** A PDU as it was on the wire: a Q.931 message, a RAS datagram, or an H.245 message on its own connection. */
export interface CapturedPdu {
  readonly kind: "q931" | "ras" | "h245";
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
  /** The connection: both ends, in a fixed order. */
  readonly connection: string;
  readonly time: number;
}

export const captureNames = (): string[] =>
  readdirSync(FOLDER)
    .filter((f) => f.endsWith(".pcap"))
    .sort();

/** PDUs of a capture in order. TCP to or from port 1720 is call signalling, other TCP H.245. */
export function capturedPdus(name: string): CapturedPdu[] {
  const out: CapturedPdu[] = [];
  const readers = new Map<string, TpktReader>();
  for (const segment of readCapture(readFileSync(join(FOLDER, name)))) {
    const { from, to, time } = segment;
    const connection = [from, to].sort().join(" ");
    if (segment.protocol === "udp") {
      if (from.endsWith(":1719") || to.endsWith(":1719")) out.push({ kind: "ras", from, to, bytes: segment.payload, connection, time });
      continue;
    }
    const key = `${from}>${to}`;
    let reader = readers.get(key);
    if (reader === undefined) {
      reader = new TpktReader();
      readers.set(key, reader);
    }
    const kind = from.endsWith(":1720") || to.endsWith(":1720") ? "q931" : "h245";
    for (const bytes of reader.push(segment.payload)) out.push({ kind, from, to, bytes, connection, time });
  }
  return out;
}

/** H.245 messages and fast start elements inside a call signalling message. */
export function embedded(message: SignallingMessage): { control: readonly Uint8Array[]; fastStart: readonly Uint8Array[] } {
  const pdu = message.info?.["h323-uu-pdu"];
  const body = pdu?.["h323-message-body"];
  const uuie =
    body?.setup ?? body?.connect ?? body?.alerting ?? body?.callProceeding ?? body?.progress ?? body?.facility ?? body?.information;
  const parallel = body?.setup?.parallelH245Control ?? [];
  return { control: [...(pdu?.h245Control ?? []), ...parallel], fastStart: uuie?.fastStart ?? [] };
}

/** Every H.245 message of a capture, tunnelled or not, as bytes. */
export function capturedControl(name: string): Uint8Array[] {
  return capturedPdus(name).flatMap((p) =>
    p.kind === "h245" ? [p.bytes] : p.kind === "q931" ? embedded(decodeSignalling(p.bytes)).control : [],
  );
}
