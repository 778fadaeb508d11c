import { createSocket, type Socket } from "node:dgram";

/** Records of a zone: by name, lower case and without the last dot, then by type. */
export interface Zone {
  readonly [name: string]: {
    readonly A?: readonly string[];
    readonly SRV?: readonly { readonly priority: number; readonly weight?: number; readonly port: number; readonly target: string }[];
    readonly NAPTR?: readonly { readonly order: number; readonly service: string; readonly replacement: string }[];
  };
}

export interface DnsServer {
  /** Questions in order of arrival, as `SRV _sip._tcp.far.test`. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

const TYPES: Readonly<Record<number, "A" | "AAAA" | "SRV" | "NAPTR">> = { 1: "A", 28: "AAAA", 33: "SRV", 35: "NAPTR" };

function name(text: string): Buffer {
  const labels = text.split(".").filter((label) => label !== "");
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])]);
}
const short = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 255])));
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);

/** A name server for a few names (RFC 1035, 2782, 3403), to put real resolvers in front of. It binds `host`, port 53: needs root. */
export async function startDns(host: string, zone: Zone): Promise<DnsServer> {
  const asked: string[] = [];
  const socket: Socket = createSocket("udp4");
  socket.on("message", (query, from) => {
    let at = 12;
    const labels: string[] = [];
    for (let length = query[at]!; length > 0; length = query[at]!) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = TYPES[query.readUInt16BE(at + 1)];
    const question = query.subarray(12, at + 5);
    const wanted = labels.join(".").toLowerCase();
    asked.push(`${type} ${wanted}`);
    const records = zone[wanted];
    const data: Buffer[] = [];
    if (type === "A") for (const address of records?.A ?? []) data.push(Buffer.from(address.split(".").map(Number)));
    if (type === "SRV")
      for (const { priority, weight = 0, port, target } of records?.SRV ?? [])
        data.push(Buffer.concat([short(priority, weight, port), name(target)]));
    if (type === "NAPTR")
      for (const { order, service, replacement } of records?.NAPTR ?? [])
        data.push(Buffer.concat([short(order, 10), text("s"), text(service), text(""), name(replacement)]));
    const type16 = query.readUInt16BE(at + 1);
    const answers = data.map((rdata) => Buffer.concat([short(0xc00c, type16, 1, 0, 60, rdata.length), rdata]));
    // authoritative; NXDOMAIN for names that are not there at all
    const flags = 0x8580 | (records === undefined ? 3 : 0);
    socket.send(
      Buffer.concat([query.subarray(0, 2), short(flags, 1, answers.length, 0, 0), question, ...answers]),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(53, host, () => resolve());
  });
  return { asked, close: () => new Promise((resolve) => socket.close(() => resolve())) };
}
