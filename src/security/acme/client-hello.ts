/** What the first message of a TLS connection says of itself (RFC 8446 section 4.1.2), as far as a CA's challenge is known by it. */
export interface ClientHello {
  /** server_name (RFC 6066 section 3), lower case; undefined where there is none. */
  readonly serverName: string | undefined;
  /** Protocols of ALPN (RFC 7301), in their order. */
  readonly protocols: readonly string[];
}

/** More octets no ClientHello has that is worth waiting for. */
export const MAX_CLIENT_HELLO = 16_384;

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;

/** Reads the start of a connection. `more`: it may be one, and is not whole yet. Undefined for anything else. */
export function readClientHello(data: Buffer): ClientHello | "more" | undefined {
  const message = handshakeOf(data);
  if (!Buffer.isBuffer(message)) return message;
  const reader = new Reader(message);
  reader.skip(34); // legacy_version, random
  reader.vector(1); // legacy_session_id
  reader.vector(2); // cipher_suites
  reader.vector(1); // legacy_compression_methods
  const extensions = new Reader(reader.vector(2));
  let serverName: string | undefined;
  let protocols: string[] = [];
  while (extensions.left > 0 && !extensions.broken) {
    const type = extensions.number(2);
    const value = new Reader(extensions.vector(2));
    if (type === SERVER_NAME) serverName = hostIn(new Reader(value.vector(2)));
    else if (type === ALPN) protocols = protocolsIn(new Reader(value.vector(2)));
  }
  return reader.broken || extensions.broken ? undefined : { serverName, protocols };
}

/** The handshake message that one or several records begin with; a record's header is five octets. */
function handshakeOf(data: Buffer): Buffer | "more" | undefined {
  const parts: Buffer[] = [];
  let length = 0;
  for (let at = 0; ; ) {
    if (data.length > at && data[at] !== HANDSHAKE) return undefined;
    if (data.length > at + 1 && data[at + 1] !== 3) return undefined;
    if (data.length < at + 5) return at > MAX_CLIENT_HELLO ? undefined : "more";
    const size = data.readUInt16BE(at + 3);
    if (size === 0) return undefined;
    const part = data.subarray(at + 5, at + 5 + size);
    parts.push(part);
    length += part.length;
    const whole = parts.length === 1 ? part : Buffer.concat(parts, length);
    if (whole.length > 0 && whole[0] !== CLIENT_HELLO) return undefined;
    const wanted = whole.length < 4 ? 4 : 4 + whole.readUIntBE(1, 3);
    if (wanted > MAX_CLIENT_HELLO) return undefined;
    if (whole.length >= wanted && wanted > 4) return whole.subarray(4, wanted);
    if (part.length < size) return "more";
    // one octet a record would be read again for each
    if (parts.length > 8) return undefined;
    at += 5 + size;
  }
}

function hostIn(list: Reader): string | undefined {
  const kind = list.number(1);
  const name = list.vector(2).toString("latin1").toLowerCase();
  return list.broken || kind !== 0 || name === "" ? undefined : name;
}

function protocolsIn(list: Reader): string[] {
  const protocols: string[] = [];
  while (list.left > 0 && !list.broken) protocols.push(list.vector(1).toString("latin1"));
  return list.broken ? [] : protocols;
}

/** Reads forward; what is not there makes it `broken`, and everything after it empty. */
class Reader {
  readonly #data: Buffer;
  #at = 0;
  broken = false;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get left(): number {
    return this.#data.length - this.#at;
  }

  skip(octets: number): Buffer {
    if (octets > this.left) {
      this.broken = true;
      this.#at = this.#data.length;
      return Buffer.alloc(0);
    }
    this.#at += octets;
    return this.#data.subarray(this.#at - octets, this.#at);
  }

  number(octets: 1 | 2): number {
    const read = this.skip(octets);
    return read.length === 0 ? 0 : read.readUIntBE(0, octets);
  }

  /** What is preceded by its length, in so many octets. */
  vector(octets: 1 | 2): Buffer {
    return this.skip(this.number(octets));
  }
}
