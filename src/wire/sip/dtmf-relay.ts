/** `application/dtmf-relay`, the body of an INFO that carries a key: lines of `Name=value` in any case. */

/** What the body says; the first line of a name counts. */
export interface DtmfRelay {
  /** As written: `5`, `*`, `10`. */
  readonly signal?: string;
  /** Milliseconds, 0 to 999,999. */
  readonly durationMs?: number;
}

/** Reads a body, each character a constant number of times. Lines that say neither are skipped. */
export function parseDtmfRelay(body: string): DtmfRelay {
  let signal: string | undefined;
  let durationMs: number | undefined;
  for (const line of body.split(/[\r\n]/)) {
    const equals = line.indexOf("=");
    if (equals < 0) continue;
    const name = line.slice(0, equals).trim().toLowerCase();
    const value = line.slice(equals + 1).trim();
    if (name === "signal" && value !== "") signal ??= value;
    else if (name === "duration" && /^\d{1,6}$/.test(value)) durationMs ??= Number(value);
  }
  return { ...(signal !== undefined && { signal }), ...(durationMs !== undefined && { durationMs }) };
}
