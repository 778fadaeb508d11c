/** A telephone key: `0` to `9`, `*`, `#`, `A` to `D`. */
export type DtmfKey = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "*" | "#" | "A" | "B" | "C" | "D";

/** A key begins or ends. Act on one of the two, not both; `end` knows how long it was. */
export type DtmfEvent =
  | { readonly type: "start"; readonly key: DtmfKey }
  | { readonly type: "end"; readonly key: DtmfKey; readonly durationMs: number };

/** Frequencies of the rows and columns, Hz (ITU-T Q.23). */
export const rowFrequencies = [697, 770, 852, 941] as const;
export const columnFrequencies = [1209, 1336, 1477, 1633] as const;

const pad = ["123A", "456B", "789C", "*0#D"];

/** The key at a row and column, both 0 to 3. */
export function keyAt(row: number, column: number): DtmfKey {
  return pad[row][column] as DtmfKey;
}

/** A key's two frequencies, Hz; undefined for what is no key. */
export function frequenciesOf(key: string): readonly [number, number] | undefined {
  const upper = key.toUpperCase();
  if (upper.length !== 1) return undefined;
  for (let row = 0; row < 4; row++) {
    const column = pad[row].indexOf(upper);
    if (column >= 0) return [rowFrequencies[row], columnFrequencies[column]];
  }
  return undefined;
}

/** The keys in a string, in order; what is no key is left out. */
export function keysOf(digits: string): DtmfKey[] {
  return [...digits.toUpperCase()].filter((key) => frequenciesOf(key) !== undefined) as DtmfKey[];
}
