import { isDeepStrictEqual } from "node:util";
import { setFlagsFromString } from "node:v8";
import type { Logger } from "pino";
import { announceDemo } from "./demo-banner.ts";
import type { Config } from "./config/config.ts";
import { type LoadOptions, loadConfig, showMistake } from "./config/load.ts";
import { createLogger } from "./logging.ts";
import { StartError } from "./bind-errors.ts";
import { type Running, startCrosspoint } from "./start.ts";
import { version } from "./version.ts";

/** Sections that a reload takes; the rest needs a restart. */
const reloadable = new Set([
  "meetings",
  "trunks",
  "unknownCallers",
  "accessNumbers",
  "numbers",
  "language",
  "ivr",
  "limits",
  "allow",
  "deny",
  "bans",
  "certificates",
  "log",
  "shutdown",
]);
/** Ctrl+C reaches every process of a terminal, and npm and the launcher pass it on: within this time it is the same one. */
const sameSignal = 1500;
/** Time that stopping may take beyond the drain before the process ends all the same. */
const stopTimeout = 10_000;

/** Runs the gateway until a signal stops it. Resolves with the exit code. */
export async function main(options: LoadOptions): Promise<number> {
  // The launcher's limit is for this thread; those of the engines have limits of their own, which the flag would override.
  setFlagsFromString("--max-semi-space-size=0");
  const { config, mistakes, warnings } = loadConfig(options);
  if (!config) {
    for (const mistake of mistakes) process.stderr.write(`${showMistake(mistake)}\n`);
    return 1;
  }
  const logger = await createLogger(config.logging);
  for (const warning of warnings) logger.warn({ at: showMistake({ ...warning, message: "" }) }, warning.message);
  let running: Running;
  try {
    running = await startCrosspoint(config, logger);
  } catch (error) {
    if (error instanceof StartError) process.stderr.write(`${error.message}\n`);
    else logger.fatal({ err: error }, "cannot start");
    return 1;
  }
  const readyMs = performance.now();
  logger.info(
    {
      version,
      sip: running.sip,
      web: running.webPort,
      engines: { sip: config.engine.sip, media: config.engine.media },
      readyMs: Math.round(readyMs),
    },
    "ready",
  );
  if (config.demo) process.stdout.write(`\n${announceDemo({ config, ...running, readyMs })}\n`);
  return untilStopped(running, config, options, logger);
}

function untilStopped(running: Running, first: Config, options: LoadOptions, logger: Logger): Promise<number> {
  let config = first;
  let stopping: number | null = null;
  return new Promise((resolve) => {
    const stop = (why: string, code: number): void => {
      if (stopping !== null) {
        if (performance.now() - stopping < sameSignal) return;
        // Who asks twice does not want to wait.
        logger.warn({ why }, "stopping at once");
        resolve(code || 1);
        return;
      }
      stopping = performance.now();
      logger.info({ why }, "stopping");
      const drain = code === 0 && why === "SIGTERM" ? config.shutdown.drainSeconds : 0;
      const giveUp = setTimeout(
        () => {
          logger.error("stopping takes too long; ending all the same");
          resolve(1);
        },
        drain * 1000 + stopTimeout,
      );
      running.stop(drain).then(() => {
        clearTimeout(giveUp);
        logger.info("stopped");
        resolve(code);
      });
    };
    process.on("SIGINT", () => stop("SIGINT", 0));
    process.on("SIGTERM", () => stop("SIGTERM", 0));
    // The launcher that started us is gone without a word: nobody could stop us any more.
    process.once("disconnect", () => stop("launcher gone", 0));
    process.on("SIGHUP", async () => {
      const next = loadConfig(options);
      for (const warning of next.warnings) logger.warn({ at: showMistake({ ...warning, message: "" }) }, warning.message);
      if (!next.config) {
        for (const mistake of next.mistakes) logger.error({ at: showMistake({ ...mistake, message: "" }) }, mistake.message);
        logger.error({ mistakes: next.mistakes.length }, "configuration not reloaded: it has mistakes; the old one stays");
        return;
      }
      const waiting = changedSections(config, next.config).filter((section) => !reloadable.has(section));
      if (waiting.length > 0) logger.warn({ sections: waiting }, "changes in these sections need a restart");
      try {
        await running.reload(next.config);
        config = next.config;
      } catch (error) {
        logger.error({ error: (error as Error).message }, "configuration not reloaded; the old one stays");
      }
    });
    process.on("uncaughtException", (error) => {
      logger.fatal({ err: error }, "unexpected fault: stopping, so that a supervisor can start anew");
      stop("fault", 1);
    });
    // A promise of a library that nobody waits for must not take every call with it.
    process.on("unhandledRejection", (reason) => logger.error({ err: reason }, "unexpected fault in the background"));
  });
}

function changedSections(old: Config, next: Config): string[] {
  // tokens are taken at once, the rest of their section is not
  const rest = (config: Config): Config => ({ ...config, admin: { ...config.admin, token: null, tokens: [] } });
  const [before, after] = [rest(old), rest(next)];
  return (Object.keys(next) as (keyof Config)[]).filter((key) => !isDeepStrictEqual(before[key], after[key]));
}
