/**
 * Work as a number that is the same on every machine: steps, not time. Counted are the blocks of code that run in `src/` and in the libraries it
 * reads with (V8's block coverage), and the characters that JavaScript's own functions read: indexOf, split, replace, concat and their kin. A regular
 * expression costs the length it is given to the power of its degree, as `tools/regexps/check.ts` tells it: 1 for those the lint lets pass.
 *
 * Import this module before what is to be measured: functions compiled earlier are counted once a call, without their loops.
 */
import { Session } from "node:inspector";
import { checkRegExp } from "../../tools/regexps/check.ts";

const inspector = new Session();
inspector.connect();

/** Ends the counting of blocks: what runs afterwards is fast again. */
export function stopCounting(): void {
  inspector.post("Profiler.stopPreciseCoverage");
}

inspector.post("Profiler.enable");
inspector.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });

let charged = 0;
/** Inside a function that has been charged for: what it calls is not charged again. */
let inside = false;

// biome-ignore lint/suspicious/noExplicitAny: functions of every shape are wrapped here
type Method = (this: any, ...args: any[]) => any;
type Cost = (self: { readonly length: number }, args: readonly unknown[], result: unknown, lastIndex: number) => number;

const whole: Cost = (self) => self.length;
const one: Cost = () => 1;
const searched: Cost = (self, args, result) => {
  const from = typeof args[1] === "number" ? args[1] : 0;
  return typeof result === "number" && result >= 0 ? Math.abs(result - from) + 1 : Math.max(0, self.length - from);
};
const trimmed: Cost = (self, _, result) => self.length - (result as string).length;
const lengthOf = (value: unknown): number => (value as { readonly length?: number } | undefined)?.length ?? 0;
const made: Cost = (_, __, result) => lengthOf(result);

/** Steps of an expression on a text of which it has read `length` characters. */
function expressionCost(expression: RegExp, length: number): number {
  const { degree } = checkRegExp(expression.source, expression.flags);
  return degree === 1 ? length : length ** Math.min(degree, 4);
}
const byExpression: Cost = (self, [pattern]) => self.length + (pattern instanceof RegExp ? expressionCost(pattern, self.length) : 0);
const byText: Cost = (self, [text], result, from) => {
  const expression = self as unknown as RegExp;
  const keepsPlace = expression.global || expression.sticky;
  const end = result && keepsPlace ? expression.lastIndex : lengthOf(text);
  return 1 + expressionCost(expression, Math.max(0, end - (keepsPlace ? from : 0)));
};

const COSTS: readonly (readonly [object, Readonly<Record<string, Cost>>])[] = [
  [
    String.prototype,
    {
      charCodeAt: one,
      codePointAt: one,
      charAt: one,
      at: one,
      slice: one,
      substring: one,
      startsWith: (_, [text]) => lengthOf(text),
      endsWith: (_, [text]) => lengthOf(text),
      indexOf: searched,
      lastIndexOf: whole,
      includes: whole,
      trim: trimmed,
      trimStart: trimmed,
      trimEnd: trimmed,
      toLowerCase: whole,
      toUpperCase: whole,
      repeat: made,
      padStart: made,
      split: byExpression,
      replace: byExpression,
      replaceAll: byExpression,
      match: byExpression,
      matchAll: byExpression,
      search: byExpression,
    },
  ],
  [RegExp.prototype, { exec: byText, test: byText }],
  [
    Array.prototype,
    { shift: whole, unshift: whole, splice: whole, slice: made, concat: made, join: whole, indexOf: whole, includes: whole, sort: whole },
  ],
  [
    Object.getPrototypeOf(Uint8Array.prototype) as object,
    { indexOf: searched, slice: made, set: (_, [from]) => lengthOf(from), fill: whole },
  ],
  [Buffer.prototype, { indexOf: searched, includes: whole, toString: made, copy: (_, __, result) => Number(result), equals: whole }],
  [Buffer, { concat: made, from: made }],
  [JSON, { parse: (_, [text]) => lengthOf(text) }],
];

function patch(): () => void {
  const undo: (() => void)[] = [];
  for (const [owner, methods] of COSTS) {
    for (const [name, cost] of Object.entries(methods)) {
      const descriptor = Object.getOwnPropertyDescriptor(owner, name);
      const original = descriptor?.value as Method | undefined;
      if (descriptor === undefined || original === undefined) continue;
      const counted: Method = function (...args) {
        if (inside) return original.apply(this, args);
        inside = true;
        const lastIndex = this instanceof RegExp ? this.lastIndex : 0;
        try {
          const result: unknown = original.apply(this, args);
          charged += 1 + cost(this as { readonly length: number }, args, result, lastIndex);
          return result;
        } finally {
          inside = false;
        }
      };
      Object.defineProperty(owner, name, { ...descriptor, value: counted });
      undo.push(() => Object.defineProperty(owner, name, descriptor));
    }
  }
  return () => {
    for (const one of undo) one();
  };
}

/** Blocks of code that have run since the last call. */
function blocks(): number {
  let count = 0;
  inspector.post("Profiler.takePreciseCoverage", (error, taken) => {
    if (error) throw error;
    for (const { url, functions } of taken.result) {
      if (!/\/src\/|\/test\/fuzz\/planted|\/node_modules\/(?:sdp-transform|drachtio-|zod|ws|fastify)/.test(url)) continue;
      for (const { ranges } of functions) for (const range of ranges) count += range.count;
    }
  });
  return count;
}

/** What `run` does, in steps. Whatever it throws is left to the caller. */
export function measureWork(run: () => void): number {
  blocks();
  charged = 0;
  const restore = patch();
  try {
    run();
  } finally {
    restore();
  }
  return charged + blocks();
}
