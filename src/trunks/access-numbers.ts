import { plainNumber } from "../base/known-numbers.ts";
import { normaliseNumber } from "../meetings/dial-string.ts";
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

/** What of a configuration says where numbers lead before meetings' own are looked at. */
export interface NumberPlan {
  /** Names and numbers that ask for the meeting's number, of everybody. */
  readonly accessNumbers: readonly string[];
  readonly numbers?: readonly AccessNumber[];
}

/** Where a dialled number leads. */
export interface Located {
  readonly access: AccessNumber | undefined;
  /** It asks for the meeting's number. */
  readonly asks: boolean;
  /** Numbers by one of which the directory knows the meeting, the likeliest first; none where it asks. */
  readonly meetings: readonly string[];
  /** How the number was read. */
  readonly steps: Converted["steps"];
}

/** Access numbers of all tenants; found in one step, however many there are. */
export class AccessNumbers {
  readonly #asking: ReadonlySet<string>;
  readonly #all = new Set<string>();
  /** In letters and digits alone, as masking compares numbers. */
  readonly #plain = new Set<string>();
  readonly #numbers = new Map<string, AccessNumber>();

  constructor({ accessNumbers, numbers = [] }: NumberPlan) {
    this.#asking = new Set(accessNumbers.map(normaliseNumber));
    for (const number of accessNumbers) this.#plain.add(plainNumber(number));
    for (const entry of numbers) {
      this.#numbers.set(keyOf(entry.number, entry.tenant), entry);
      this.#all.add(entry.number);
      this.#plain.add(plainNumber(entry.number));
    }
  }

  /** Whether a number is an access number of anybody's, by whichever trunk it comes. */
  has(number: string): boolean {
    const e164 = withPlus(number);
    return this.#asking.has(number) || (e164 !== null && this.#all.has(e164));
  }

  /** Whether digits behind a number, given in letters and digits alone, may be a meeting's number and its PIN. */
  leads(plain: string): boolean {
    return this.#plain.has(plain);
  }

  /** What callers of `trunk` reach by a number as they dialled it, or as their telephone network wrote it. */
  locate(dialled: string, trunk: NumberedTrunk): Located {
    const { number: e164, steps } = toE164(dialled, trunk.dialling);
    const access = this.#find(e164, trunk) ?? this.#find(withPlus(dialled), trunk);
    const asks = dialled === "" || access?.meeting === null || this.#asking.has(dialled);
    const meetings = asks ? [] : [access?.meeting ?? dialled, ...(e164 === null ? [] : [e164])];
    return { access, asks, meetings, steps };
  }

  #find(number: string | null, { name, tenant }: NumberedTrunk): AccessNumber | undefined {
    const access = number === null ? undefined : this.#numbers.get(keyOf(number, tenant));
    return access && (access.trunk === null || access.trunk === name) ? access : undefined;
  }
}

/** Carriers hand E.164 numbers over with and without their plus sign. */
function withPlus(dialled: string): string | null {
  return toE164(dialled).number ?? (/^[1-9][0-9]{6,14}$/.test(dialled) ? `+${dialled}` : null);
}

const keyOf = (number: string, tenant: string | null): string => `${tenant ?? ""}\u0000${number}`;

const indexes = new WeakMap<NumberPlan, AccessNumbers>();

/** The index of a configuration's access numbers, made once for each configuration. */
export function accessNumbersOf(plan: NumberPlan): AccessNumbers {
  const known = indexes.get(plan);
  if (known) return known;
  const made = new AccessNumbers(plan);
  indexes.set(plan, made);
  return made;
}
