/** Numbers that reach meetings, as far as masking asks: what stands behind one may be its PIN. */

/** What a number reaches: a meeting with a PIN, one without, or none. */
export type Reached = "pin" | "open" | undefined;

/** Longer texts are no meeting's number (identifiers have at most 64 characters). */
export const LONGEST_NUMBER = 64;

let lookUp: (plain: string) => Reached = () => undefined;

/** Says from now on what is a meeting's number. `find` is given what {@link plainNumber} makes. */
export function setKnownNumbers(find: (plain: string) => Reached): void {
  lookUp = find;
}

export function reachedBy(plain: string): Reached {
  return plain === "" || plain.length > LONGEST_NUMBER ? undefined : lookUp(plain);
}

/** Letters and digits of a number or alias, in lower case: `+1-555-0100` is `15550100`, `Board.Room` is `boardroom`. */
export function plainNumber(number: string): string {
  let plain = "";
  for (const c of number.toLowerCase()) if (/[\p{L}\p{Nd}]/u.test(c)) plain += c;
  return plain;
}
