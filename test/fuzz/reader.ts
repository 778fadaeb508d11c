/** A reader of what strangers send, as the campaign sees it. */
export interface Reader {
  readonly name: string;
  /** What it is made for: inputs are damaged copies of these, or these with a piece repeated. */
  readonly seeds: readonly Buffer[];
  /** One that has read nothing yet; machines keep state from one input to the next. What it returns throws {@link ProtocolError} (ParseError, PerError) or nothing. */
  open(): (data: Buffer) => void;
}

/** A reader of bytes without state. */
export function bytes(name: string, seeds: readonly (Buffer | Uint8Array)[], read: (data: Buffer) => unknown): Reader {
  return { name, seeds: seeds.map((seed) => Buffer.from(seed)), open: () => read };
}

/** A reader of text without state: one character a byte, as header fields have it. */
export function text(name: string, seeds: readonly string[], read: (text: string) => unknown): Reader {
  return bytes(
    name,
    seeds.map((seed) => Buffer.from(seed, "latin1")),
    (data) => read(data.toString("latin1")),
  );
}
