/** `crosspoint trace`: one call's messages, from the running gateway. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadOptions } from "../app/config/load.ts";
import type { CallTrace, NumberedMessage } from "../trace/index.ts";
import { ApiError, apiClient, type ApiOptions } from "./trace/client.ts";
import { Ladder } from "./trace/ladder.ts";

export interface TraceOptions extends ApiOptions {
  readonly follow?: boolean;
  readonly messages?: boolean;
  readonly json?: boolean;
}

const POLL_MS = 300;
/** A call that is over may still be told about for so long: what ends it comes behind. */
const LINGER_MS = 1_000;
const DEFAULT_WIDTH = 100;

/** Prints what there is of a call, and with `follow` what comes. Resolves with the exit code. */
export async function trace(id: string, options: TraceOptions, load: LoadOptions): Promise<number> {
  try {
    const api = apiClient(options, load);
    const read = async (after: number): Promise<CallTrace> =>
      (await api.get(`/calls/${encodeURIComponent(id)}/trace?after=${after}`)) as CallTrace;
    let found = await read(0);
    if (options.json === true && options.follow !== true) {
      process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
      return 0;
    }
    const print = options.json === true ? printJson : printer(options);
    print(found.messages);
    if (options.follow === true) {
      let last = found.messages.at(-1)?.sequence ?? 0;
      for (let over = 0; over < LINGER_MS; over = found.ended ? over + POLL_MS : 0) {
        await sleep(POLL_MS);
        found = await read(last);
        last = found.messages.at(-1)?.sequence ?? last;
        print(found.messages);
      }
    }
    if (options.json !== true) process.stdout.write(remarks(found, found.messages.length === 0 && options.follow !== true));
    return 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

/** One document a line. */
function printJson(messages: readonly NumberedMessage[]): void {
  for (const message of messages) process.stdout.write(`${JSON.stringify(message)}\n`);
}

function printer({ messages: whole }: TraceOptions): (messages: readonly NumberedMessage[]) => void {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  const locale = LC_ALL || LC_CTYPE || LANG || "";
  const width = process.stdout.columns ?? (Number(process.env["COLUMNS"]) || DEFAULT_WIDTH);
  const ladder = new Ladder({ width, unicode: /utf-?8/i.test(locale) });
  return (messages) => {
    if (messages.length === 0) return;
    process.stdout.write(`${ladder.add(messages).join("\n")}\n`);
    if (whole !== true) return;
    for (const { direction, remote, transport, head, body } of messages) {
      const text = body === null ? head : `${head}\n\n${body}`;
      process.stdout.write(`\n${direction === "in" ? "from" : "to"} ${remote} ${transport}\n${text.replaceAll(/^/gm, "  ")}\n`);
    }
  };
}

function remarks({ level, dropped, ended }: CallTrace, nothing: boolean): string {
  const lines: string[] = [];
  if (nothing && level === "off")
    lines.push("This call is not traced: set log.sip to headers or full, for all calls or its trunk's, or PUT /api/v1/calls/ID/trace.");
  else if (nothing) lines.push(ended ? "No message of this call was kept." : "No message yet.");
  if (dropped > 0) lines.push(`${dropped} older messages are not kept any more.`);
  return lines.map((line) => `${line}\n`).join("");
}
