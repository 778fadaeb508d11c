import type { CallTraces } from "../../trace/index.ts";
import type { Call } from "./call.ts";

/** From now on the messages of the call are found by its identifier: those of its leg, and those of its media session. */
export function followMessages(traces: CallTraces, call: Call): void {
  const { protocol, callId } = call.leg.info;
  const key = `${protocol}:${callId}`;
  traces.begin({ id: call.id, trunk: call.trunk }, key);
  call.on("media", (session) => {
    if (session.traceKey !== undefined) traces.join(key, session.traceKey);
  });
  call.once("ended", () => traces.end(call.id));
}
