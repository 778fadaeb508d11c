/**
 * Aligned PER (ITU-T X.691): a type of ASN.1 is put together from constructors, and is then encoder, decoder and TypeScript type at once.
 *
 * @module
 */
export * from "../wire/per/constructed.ts";
export { PerError } from "../wire/per/error.ts";
export type { Size } from "../wire/per/numbers.ts";
export * from "../wire/per/primitive.ts";
export * from "../wire/per/strings.ts";
export type { Infer, Type } from "../wire/per/type.ts";
