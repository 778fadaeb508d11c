import { invalid } from "./rfc4475/invalid.ts";
import { semantics } from "./rfc4475/semantics.ts";
import { valid } from "./rfc4475/valid.ts";

/**
 * The messages of RFC 4475, "Session Initiation Protocol (SIP) Torture Test Messages", by the names its appendix A gives them.
 * Byte strings: one character per byte.
 */
export const torture = { ...valid, ...invalid, ...semantics };
