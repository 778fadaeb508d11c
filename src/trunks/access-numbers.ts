import { plainNumber } from "../base/known-numbers.ts";
import type { Language } from "../meetings/model.ts";
import type { Trunk } from "./model.ts";
import { type Converted, toE164 } from "./numbering.ts";

/** What a call to a number costs its caller. */
export const costClasses = ["toll", "toll-free", "unknown"] as const;

/** A telephone number that reaches us. */
export interface AccessNumber {
  /** E.164, with `+`. */
  readonly number: string;
  /** The trunk it comes by; null: any of its tenant's. */
  readonly trunk: string | null;
  readonly tenant: string | null;
  /** Of the prompts; null: as the meeting or the configuration says. */
  readonly language: Language | null;
  readonly cost: (typeof costClasses)[number];
  /** The meeting it reaches; null: it asks for the meeting's number. */
  readonly meeting: string | null;
}

/** What of a trunk decides where a number leads. */
export type NumberedTrunk = Pick<Trunk, "name" | "tenant" | "dialling">;

/** Where a dialled number leads, before meetings' own numbers are looked at. */
export interface Located {
  readonly access: AccessNumber | undefined;
  /** The number's E.164 form, by which meetings are looked for too. */
  readonly e164: string | null;
  readonly steps: Converted["steps"];
}

/** Telephone numbers by tenant; found in one step, however many there are. */
export class AccessNumbers {
  readonly #all = new Set<string>();
  readonly #numbers = new Map<string, AccessNumber>();

  constructor(numbers: readonly AccessNumber[]) {
    for (const entry of numbers) {
      this.#numbers.set(keyOf(entry.number, entry.tenant), entry);
      this.#all.add(entry.number);
    }
  }

  /** Whether a number is anybody's, by whichever trunk it comes. */
  has(number: string): boolean {
    const e164 = withPlus(number);
    return e164 !== null && this.#all.has(e164);
  }

  /** What callers of `trunk` reach by a number as they dialled it, or as their telephone network wrote it. */
  locate(dialled: string, trunk: NumberedTrunk): Located {
    const { number: e164, steps } = toE164(dialled, trunk.dialling);
    for (const number of [e164, withPlus(dialled)]) {
      const access = number === null ? undefined : this.#numbers.get(keyOf(number, trunk.tenant));
      if (access && (access.trunk === null || access.trunk === trunk.name)) return { access, e164, steps };
    }
    return { access: undefined, e164, steps };
  }
}

/** Carriers hand E.164 numbers over with and without their plus sign. */
function withPlus(dialled: string): string | null {
  return toE164(dialled).number ?? (/^[1-9][0-9]{6,14}$/.test(dialled) ? `+${dialled}` : null);
}

const keyOf = (number: string, tenant: string | null): string => `${tenant ?? ""}\u0000${number}`;

/** What of a configuration asks callers for a meeting's number. */
interface Asking {
  readonly accessNumbers: readonly string[];
  readonly numbers?: readonly AccessNumber[];
}

const plainNumbers = new WeakMap<Asking, ReadonlySet<string>>();

/** Whether a number, in letters and digits alone, is one behind which callers dial the meeting's and its PIN. */
export function asksForMeeting(config: Asking, plain: string): boolean {
  let known = plainNumbers.get(config);
  if (!known) {
    known = new Set([...config.accessNumbers, ...(config.numbers ?? []).map(({ number }) => number)].map(plainNumber));
    plainNumbers.set(config, known);
  }
  return known.has(plain);
}

const NO_NUMBERS: readonly AccessNumber[] = [];
const indexes = new WeakMap<readonly AccessNumber[], AccessNumbers>();

/** The index of a configuration's numbers, made once for each list. */
export function accessNumbersOf({ numbers = NO_NUMBERS }: { readonly numbers?: readonly AccessNumber[] }): AccessNumbers {
  const known = indexes.get(numbers);
  if (known) return known;
  const made = new AccessNumbers(numbers);
  indexes.set(numbers, made);
  return made;
}
