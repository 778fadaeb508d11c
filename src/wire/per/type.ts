import type { Reader, Writer } from "./bits.ts";

/** A PER type: writes values of `T` and reads them back. Instances are stateless and shared. */
export interface Type<T> {
  /** Throws PerError when `value` is not one of the type's. */
  encode(w: Writer, value: T): void;
  /** Throws PerError when the bits are no encoding of the type. */
  decode(r: Reader): T;
}

/** The static type of a schema's values: `type Setup = Infer<typeof SetupUUIE>`. */
export type Infer<X> = X extends Type<infer T> ? T : never;

/** Spells an intersection of mapped types out, for readable messages of the compiler. */
export type Flat<T> = { [K in keyof T]: T[K] };
