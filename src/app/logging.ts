import pino, { type DestinationStream, type LogFn, type Logger } from "pino";
import { maskText } from "../base/pin-mask.ts";
import type { Config } from "./config/config.ts";

/** Names whose values never reach a log, wherever they stand; the gateway does not log them, this is the second lock. */
const secret = ["pin", "guestPin", "hostPin", "password", "token", "secret", "authorization", "key", "crypto", "digits"];
const redact = { paths: secret.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "[secret]" };

/** Nested deeper than this, nothing the gateway logs has text of a caller's. */
const MAX_DEPTH = 6;

/** Texts that quote what somebody dialled are masked where they are made; this is the second lock, for those that libraries make. */
function masked(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return maskText(value);
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((one) => masked(one, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, depth + 1)]));
}

/** The process's logger: JSON lines, or lines for people on a terminal. */
export async function createLogger(logging: Config["logging"], destination?: DestinationStream): Promise<Logger> {
  const options = {
    level: logging.level,
    base: undefined,
    redact,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => masked(fields) as Record<string, unknown>,
    },
    serializers: { err: (error: unknown) => masked(error instanceof Error ? { ...pino.stdSerializers.err(error) } : error) },
    hooks: {
      logMethod(this: Logger, parameters: Parameters<LogFn>, method: LogFn) {
        method.apply(this, parameters.map((one) => (typeof one === "string" ? maskText(one) : one)) as Parameters<LogFn>);
      },
    },
  };
  const pretty = logging.format === "pretty" || (logging.format === "auto" && process.stdout.isTTY === true);
  if (!pretty || destination) return pino(options, destination ?? pino.destination({ dest: 1, sync: true }));
  // In this thread, not a transport: nothing is lost when the process ends.
  const { default: prettyStream } = await import("pino-pretty");
  const stream = prettyStream({
    colorize: process.stdout.isTTY === true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,hostname",
    singleLine: true,
    sync: true,
  });
  return pino(options, stream as unknown as DestinationStream);
}
