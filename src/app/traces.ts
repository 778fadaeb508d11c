/** What of the configuration is traced, and where it is written. */
import type { Logger } from "pino";
import { CallTraces, type TraceSettings } from "../trace/index.ts";
import type { Config } from "./config/config.ts";

export function traceSettings({ log, trunks }: Pick<Config, "log" | "trunks">): TraceSettings {
  const own = trunks.flatMap(({ name, log: of }) => (of === undefined ? [] : [[name, of.sip] as const]));
  return { level: log.sip, trunks: new Map(own), keepMinutes: log.keepMinutes };
}

/** The traces of this process: each message is a line of the log as well. */
export function createTraces(config: Config, logger: Logger): CallTraces {
  const traces = new CallTraces(traceSettings(config));
  traces.onMessage = ({ key, protocol, direction, transport, local, remote, at, summary, head, body }, call) => {
    const callId = key.slice(key.indexOf(":") + 1);
    const message = body === null ? head : `${head}\n\n${body}`;
    const fields = {
      event: "message",
      call,
      callId,
      protocol,
      direction,
      transport,
      local,
      remote,
      at: new Date(at).toISOString(),
      message,
    };
    logger.info(fields, `${direction === "in" ? "from" : "to"} ${remote}: ${summary}`);
  };
  return traces;
}
