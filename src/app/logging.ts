import pino, { type DestinationStream, type Logger } from "pino";
import type { Config } from "./config/config.ts";

/** Names whose values never reach a log, wherever they stand; the gateway does not log them, this is the second lock. */
const secret = ["pin", "guestPin", "hostPin", "password", "token", "secret", "authorization", "key", "crypto", "digits"];
const redact = { paths: secret.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "[secret]" };

/** The process's logger: JSON lines, or lines for people on a terminal. */
export async function createLogger(logging: Config["logging"], destination?: DestinationStream): Promise<Logger> {
  const options = {
    level: logging.level,
    base: undefined,
    redact,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
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
