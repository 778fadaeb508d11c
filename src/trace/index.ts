export { type CallTrace, CallTraces, NO_TRACE, type NumberedMessage, type TraceSettings, type TraceWish } from "./call-traces.ts";
export { maskCommand, maskEvent } from "./mask-esl.ts";
export { readH323 } from "./mask-h323.ts";
export { maskKnownNumbers } from "./mask-numbers.ts";
export { readSip } from "./mask-sip.ts";
export { hostPort, TRACE_LEVELS, type TracedMessage, type TraceLevel, wallTime } from "./types.ts";
