/** What frames say, in both directions. */
import { ParseError } from "../../base/errors.ts";

/** A message from an application, taken apart but for the SIP message. */
export type AppMessage =
  | { readonly type: "authenticate"; readonly id: string; readonly secret: string; readonly tags: readonly string[] }
  | { readonly type: "route" | "remove_route"; readonly id: string; readonly verb: string }
  | { readonly type: "ping"; readonly id: string }
  | {
      readonly type: "sip";
      readonly id: string;
      readonly transactionId: string;
      readonly dialogId: string;
      /** URI of an outbound proxy; empty for none. */
      readonly routeUri: string;
      readonly sip: Buffer;
    }
  | {
      readonly type: "proxy";
      readonly id: string;
      readonly transactionId: string;
      readonly recordRoute: boolean;
      readonly fullResponse: boolean;
      readonly followRedirects: boolean;
      readonly simultaneous: boolean;
      /** Milliseconds; undefined for none. */
      readonly provisionalTimeout: number | undefined;
      readonly finalTimeout: number | undefined;
      readonly destinations: readonly string[];
      readonly sip: Buffer;
    };

/** What drachtio's server answers an application whose response has no transaction any more: the protocol has a text there, and no code. */
export const UNKNOWN_TRANSACTION = "Response not sent due to unknown transaction";

const EMPTY = Buffer.alloc(0);

/** Reads a frame from an application. Throws ParseError when it is none. */
export function parseAppMessage(frame: Buffer): AppMessage {
  const end = frame.indexOf("\r\n");
  const leader = frame.toString("latin1", 0, end < 0 ? frame.length : end);
  const sip = end < 0 ? EMPTY : frame.subarray(end + 2);
  const tokens = leader.split("|");
  const [id = "", type = ""] = tokens;
  const token = (i: number): string => tokens[i] ?? "";
  switch (type) {
    case "authenticate":
      return { type, id, secret: token(2), tags: token(3) === "" ? [] : token(3).split(",") };
    case "route":
    case "remove_route":
      return { type, id, verb: token(2).toLowerCase() };
    case "ping":
      return { type, id };
    case "sip":
      return { type, id, transactionId: token(2), dialogId: token(3), routeUri: token(4), sip };
    case "proxy":
      return {
        type,
        id,
        transactionId: token(2),
        recordRoute: token(3) === "remainInDialog",
        fullResponse: token(4) === "fullResponse",
        followRedirects: token(5) === "followRedirects",
        simultaneous: token(6) === "simultaneous",
        provisionalTimeout: parseDuration(token(7)),
        finalTimeout: parseDuration(token(8)),
        destinations: tokens.slice(9).filter((d) => d !== ""),
        sip,
      };
    default:
      throw new ParseError(`unknown message type: ${type.slice(0, 40)}`);
  }
}

/** `2s`, `1500ms` → milliseconds. */
function parseDuration(text: string): number | undefined {
  const match = /^(\d+)(ms|s)$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (match[2] === "s" ? 1000 : 1);
}

/** META: where a SIP message came from or went to. */
export interface Meta {
  readonly source: "network" | "application";
  /** Bytes of the message. */
  readonly bytes: number;
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
  /** Wall time, ms since 1970 with fractions. */
  readonly time: number;
}

/** `source|bytes|protocol|address|port|HH:MM:SS.uuuuuu`. */
export function formatMeta(meta: Meta): string {
  return `${meta.source}|${meta.bytes}|${meta.protocol}|${meta.address}|${meta.port}|${formatTime(meta.time)}`;
}

/** `HH:MM:SS.uuuuuu`, UTC. */
export function formatTime(wall: number): string {
  const day = wall % 86_400_000;
  const seconds = Math.floor(day / 1000);
  const micros = Math.floor((day - seconds * 1000) * 1000);
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${String(micros).padStart(6, "0")}`;
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

/** The answer to an application's message: `uuid|response|msgId|OK[|more]`. */
export function formatResponse(uuid: string, msgId: string, ok: boolean, more = ""): string {
  return `${uuid}|response|${msgId}|${ok ? "OK" : "NOK"}${more === "" ? "" : `|${more}`}`;
}

/** A SIP message for the application. `tail` is what follows the dialog id's place, as for new requests the address it came in by. */
export function formatSip(uuid: string, meta: Meta, transactionId: string, dialogId: string, sip: string, tail = ""): string {
  return `${uuid}|sip|${formatMeta(meta)}|${transactionId}|${dialogId}|${tail}\r\n${sip}`;
}

/** A call detail record. */
export function formatCdr(
  uuid: string,
  kind: "attempt" | "start" | "stop",
  source: string,
  time: number,
  detail: string | undefined,
  sip: string,
): string {
  return `${uuid}|cdr:${kind}|${source}|${formatTime(time)}${detail === undefined ? "" : `|${detail}`}\r\n${sip}`;
}
