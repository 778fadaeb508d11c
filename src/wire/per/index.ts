export * from "./constructed.ts";
export { PerError } from "./error.ts";
export * from "./primitive.ts";
export * from "./strings.ts";
export type { Infer, Type } from "./type.ts";
