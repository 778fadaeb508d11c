/** A channel's variables. Names keep the case they were set with; look-ups do not mind it, as in FreeSWITCH. */
export class Variables {
  // Lower-case name to [name as first set, value]; insertion order is the order in events.
  readonly #values = new Map<string, [name: string, value: string]>();

  get(name: string): string | undefined {
    return this.#values.get(name.toLowerCase())?.[1];
  }

  /** Sets, or with undefined or "" removes: FreeSWITCH knows no empty variable. */
  set(name: string, value: string | number | boolean | undefined): void {
    const key = name.toLowerCase();
    if (value === undefined || value === "") {
      this.#values.delete(key);
      return;
    }
    const old = this.#values.get(key);
    if (old) old[1] = String(value);
    else this.#values.set(key, [name, String(value)]);
  }

  /** Whether the variable says yes (switch_true). */
  isTrue(name: string): boolean {
    return isTrue(this.get(name));
  }

  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.#values.values();
  }

  /** Replaces `${name}` by values; an unknown name is nothing. `$${…}` and functions `${fn(x)}` are not known here and left alone. */
  expand(text: string): string {
    if (!text.includes("${")) return text;
    return text.replace(/\$\{([A-Za-z0-9_\-.: ]+)\}/g, (_all, name: string) => this.get(name) ?? "");
  }
}

/** FreeSWITCH's idea of true (switch_utils.h, switch_true). */
export function isTrue(text: string | undefined): boolean {
  if (text === undefined) return false;
  return /^(yes|on|true|t|enabled|active|allow)$/i.test(text) || (/^-?\d+$/.test(text) && Number(text) !== 0);
}

/** C's atoi: leading digits, 0 for none. */
export function atoi(text: string | undefined): number {
  const number = Number.parseInt(text ?? "", 10);
  return Number.isNaN(number) ? 0 : number;
}

/** Splits at spaces, as switch_separate_string: quotes ('…') hold words together. `^^|` at the start names another separator. */
export function words(text: string): string[] {
  const own = /^\^\^(.)/.exec(text);
  if (own?.[1]) return text.slice(3).split(own[1]);
  const result: string[] = [];
  for (const match of text.matchAll(/((?:'[^']*'|[^\s'])+|'[^']*$)/g)) result.push(match[0].replace(/'/g, ""));
  return result;
}
