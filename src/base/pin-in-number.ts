/** Where in a dialled number a PIN may begin. */
import { LONGEST_NUMBER, type Reached, reachedBy } from "./known-numbers.ts";

const LETTER = /[\p{L}\p{M}]/u;
const DIGIT = /\p{Nd}/u;

interface Character {
  /** With its escapes undone. */
  readonly plain: string;
  /** Where the next one begins. */
  readonly end: number;
}

/** The character at `at`: `%2A` is `*`, and so is `%252A`, which something on the way has escaped again. */
export function characterAt(text: string, at: number): Character {
  let plain = String.fromCodePoint(text.codePointAt(at)!);
  let end = at + plain.length;
  while (plain === "%") {
    const code = hexAt(text, end);
    if (code === undefined) break;
    plain = String.fromCharCode(code);
    end += 2;
  }
  return { plain, end };
}

function hexAt(text: string, at: number): number | undefined {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? undefined : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

export const isDigit = (plain: string): boolean => (plain < "\u0080" ? plain >= "0" && plain <= "9" : DIGIT.test(plain));
export const isLetter = (plain: string): boolean => (plain < "\u0080" ? /[A-Za-z]/.test(plain) : LETTER.test(plain));
/** Visual separators (RFC 3966 section 3), by which telephone numbers are written in groups. */
const isVisual = (plain: string): boolean => plain === "-" || plain === "." || plain === "(" || plain === ")";

/** Letters between digits that dial a pause or an extension: `2000p1234`, `2000x1234`, `2000pin1234`. */
const PAUSES = new Set(["p", "w", "x", "t", "pin", "ext", "pw", "code", "pp", "ww"]);

/** Digits behind a meeting's number without anything between; fewer are an extension, more a telephone number. */
const LEAST_JOINED = 3;
const MOST_JOINED = 16;
/** Shorter numbers of meetings begin too many telephone numbers. */
const LEAST_BEFORE_JOINED = 3;
/** As short as international numbers are. */
const LEAST_INTERNATIONAL = 7;
/** Digits of which it is known where each stands. */
const DIGITS = LONGEST_NUMBER + MOST_JOINED;

/**
 * Index in `text`, between `from` and `to`, of the first digit or separator from which on a PIN may stand; -1 where none can. Behind a number that is known to reach
 * a meeting everything may be one. Else numbers have letters, digits and `. - ( ) + _`, and what stands behind anything else may; digits in groups are a telephone
 * number where they are written as one.
 */
export function pinIn(text: string, from: number, to: number): number {
  if (isWholeNumber(text, from, to)) return -1;
  const walk = new NumberWalk(text);
  for (let at = from; at < to; ) {
    const { plain, end } = characterAt(text, at);
    const found = walk.take(plain, at, end);
    if (found >= 0) return found;
    at = end;
  }
  return walk.end();
}

/** Whether all of it is an address, or a meeting's number, as the directory compares numbers. */
function isWholeNumber(text: string, from: number, to: number): boolean {
  if (to - from > 3 * LONGEST_NUMBER) return false;
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text.slice(from, to))) return true;
  let number = "";
  for (let at = from; at < to; ) {
    const { plain, end } = characterAt(text, at);
    if (isDigit(plain) || isLetter(plain)) number += plain.toLowerCase();
    else if (!isVisual(plain) && plain !== "_" && (plain !== "+" || number !== "")) return false;
    at = end;
  }
  return reachedBy(number) !== undefined;
}

class NumberWalk {
  readonly #text: string;
  /** Letters and digits so far, in lower case; no longer than a meeting's number can be. */
  #plain = "";
  /** Digits of the present run, and where each stands. */
  #run: string[] = [];
  #places: number[] = [];
  #runs: number[] = [];
  #digits = false;
  /** Characters of the letters that have come since the last digit or separator. */
  #letters = 0;
  #separators = 0;
  #plus = false;
  /** It begins with a digit, or with `+` or `(` and one. */
  #numeric = false;
  #lettered = false;
  /** Digits follow on letters. */
  #mixed = false;
  /** Two separators have come beside each other, and whether digits follow. */
  #beside = false;
  #doubled = false;
  #separator = "";
  #known: Reached;
  /** The first digit behind a visual separator: a PIN's, unless all is a telephone number. */
  #behind = -1;

  constructor(text: string) {
    this.#text = text;
  }

  take(plain: string, at: number, end: number): number {
    if (isDigit(plain)) return this.#digit(plain, at);
    if (isLetter(plain)) {
      this.#endRun();
      this.#letters += end - at;
      this.#lettered = true;
      this.#remember(plain.toLowerCase());
      return -1;
    }
    this.#endRun();
    this.#letters = 0;
    if (plain === "+" && this.#plain === "" && !this.#plus) this.#plus = true;
    else if (plain === "+" || plain === "_") {
      if (this.#numeric && this.#digits) return at;
      this.#separated(plain);
    } else if (isVisual(plain)) this.#separated(plain);
    else if (plain.trim() !== "" || this.#digits) return at;
    return -1;
  }

  /** Where it may be once all has come. */
  end(): number {
    const joined = this.#joined();
    this.#endRun();
    if (joined >= 0) return joined;
    return this.#behind >= 0 && !this.#isTelephoneNumber() ? this.#behind : -1;
  }

  #digit(plain: string, at: number): number {
    if (this.#run.length === 0) {
      if (this.#plain === "") this.#numeric = true;
      else if (this.#digits && this.#letters > 0 && PAUSES.has(this.#text.slice(at - this.#letters, at).toLowerCase())) return at;
      else if (this.#isBehindKnown()) return at;
      else if (this.#numeric && this.#separators > 0 && this.#behind < 0) this.#behind = at;
    }
    this.#digits = true;
    this.#mixed ||= this.#lettered;
    this.#doubled ||= this.#beside;
    this.#letters = 0;
    this.#separators = 0;
    if (this.#run.length < DIGITS) {
      this.#run.push(plain);
      this.#places.push(at);
    }
    this.#remember(plain);
    return -1;
  }

  /** A known number has come right before, in letters and digits from the beginning, or as the last run of digits. */
  #isBehindKnown(): boolean {
    const whole = reachedBy(this.#plain);
    if (whole !== undefined && (this.#separators > 0 || whole === "pin")) return true;
    return this.#known !== undefined && !this.#plus;
  }

  #separated(plain: string): void {
    if (this.#plain === "") return;
    const bracket = (one: string) => one === "(" || one === ")";
    if (this.#separators > 0 && !bracket(plain) && !bracket(this.#separator)) this.#beside = true;
    this.#separators++;
    this.#separator = plain;
  }

  #endRun(): void {
    if (this.#run.length === 0) return;
    this.#known = reachedBy(this.#run.join(""));
    this.#runs.push(this.#run.length);
    this.#run = [];
    this.#places = [];
  }

  #remember(plain: string): void {
    if (this.#plain.length <= LONGEST_NUMBER) this.#plain += plain;
  }

  /** `20001234`: a meeting's number that has a PIN, and digits as many as one has. */
  #joined(): number {
    const { length } = this.#run;
    if (this.#runs.length > 0 || this.#lettered) return -1;
    const digits = this.#run.join("");
    // behind a plus short numbers begin others' telephone numbers, an access number does not
    const least = this.#plus ? LEAST_INTERNATIONAL : LEAST_BEFORE_JOINED;
    for (let cut = Math.max(least, length - MOST_JOINED); cut <= length - LEAST_JOINED; cut++)
      if (reachedBy(digits.slice(0, cut)) === "pin") return this.#places[cut]!;
    return -1;
  }

  /** International with a plus, national with a zero, as in North America (3-3-4), in pairs; an address (four groups by dots) too. */
  #isTelephoneNumber(): boolean {
    if (this.#mixed || this.#doubled) return false;
    if (this.#plus || this.#plain.startsWith("0")) return true;
    const groups = this.#runs.join("-");
    return groups === "3-3-4" || groups === "1-3-3-4" || (this.#runs.length > 2 && this.#runs.every((length) => length === 2));
  }
}
