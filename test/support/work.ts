/**
 * Counts what reading a text costs, in characters looked at, so that a test can bound it without a clock. Every method by which our readers look
 * at text is counted while `work` runs; an expression counts what is left of its subject, since `npm run lint` lets none stand that is not linear.
 */

type Method = (this: string, ...args: never[]) => unknown;

/** Characters looked at by `read`, about. */
export function work(read: () => unknown): number {
  let count = 0;
  const texts = String.prototype as unknown as Record<string, Method>;
  const patterns = RegExp.prototype;
  const { exec, test } = patterns;
  const saved = new Map<string, Method>();
  const cost: Record<string, (text: string, result: unknown, args: readonly unknown[]) => number> = {
    charCodeAt: () => 1,
    startsWith: (_, __, [what]) => String(what).length,
    endsWith: (_, __, [what]) => String(what).length,
    slice: (_, result) => (result as string).length,
    substring: (_, result) => (result as string).length,
    indexOf: (text, result, [, from]) => searched(text, result as number, Number(from ?? 0)),
    lastIndexOf: (text, result) => ((result as number) < 0 ? text.length : text.length - (result as number)),
  };
  for (const name of ["includes", "split", "trim", "trimStart", "trimEnd", "toLowerCase", "toUpperCase", "replace", "replaceAll", "match"])
    cost[name] = (text) => text.length;
  for (const [name, costs] of Object.entries(cost)) {
    const original = texts[name]!;
    saved.set(name, original);
    texts[name] = function (this: string, ...args: never[]) {
      const result = original.apply(this, args);
      count += costs(this, result, args) + 1;
      return result;
    };
  }
  patterns.exec = function (this: RegExp, text: string) {
    count += text.length - (this.global || this.sticky ? this.lastIndex : 0) + 1;
    return exec.call(this, text);
  };
  patterns.test = function (this: RegExp, text: string) {
    count += text.length + 1;
    return test.call(this, text);
  };
  try {
    read();
  } finally {
    for (const [name, original] of saved) texts[name] = original;
    patterns.exec = exec;
    patterns.test = test;
  }
  return count;
}

function searched(text: string, result: number, from: number): number {
  return result < 0 ? Math.max(0, text.length - from) : result - from;
}
