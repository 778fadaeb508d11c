/** SIP as it is on the wire, as a trace shows it. */
import { ParseError } from "../base/errors.ts";
import { isToken, parseMessage, type SipMessage, utf8 } from "../wire/sip/index.ts";
import { maskSip } from "./mask-message.ts";
import { maskUri } from "./mask-uri.ts";
import { maskedBytes, printable } from "./printable.ts";
import type { MessageText } from "./types.ts";

/** The Call-ID of bytes from the wire or for it, and their text. Never throws on what a stranger sent; of what cannot be read only the first line and the length are told. */
export function readSip(
  data: Buffer,
  wanted: (callId: string) => "off" | "headers" | "full",
): ({ callId: string } & MessageText) | undefined {
  let message: SipMessage;
  try {
    message = parseMessage(data);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return wanted("") === "off" ? undefined : { callId: "", ...unreadable(data) };
  }
  const { callId } = message;
  const level = wanted(callId);
  return level === "off" ? undefined : { callId, ...maskSip(message, 0, level === "full") };
}

/** What is no SIP message. Its bytes may hold anything: shown is the first line, where it is one of a request or a response, and how much came. */
function unreadable(data: Buffer): MessageText {
  const end = data.indexOf("\n");
  const line = data.toString("latin1", 0, end < 0 ? Math.min(data.length, 1_024) : end).trim();
  const [first = "", second = "", third = "", ...more] = line.split(" ");
  const isRequest =
    /^[A-Z]{2,16}$/.test(first) && isToken(first) && third.toUpperCase().startsWith("SIP/") && third.length <= 12 && more.length === 0;
  const isResponse = first.toUpperCase() === "SIP/2.0" && /^\d{1,10}$/.test(second);
  const shown = isRequest
    ? `${first} ${maskUri(utf8(second))} ${printable(third)}`
    : isResponse
      ? `SIP/2.0 ${second.slice(0, 3)}`
      : maskedBytes(line.length);
  return { summary: "unreadable", head: `${shown}\n[unreadable, ${data.length} bytes in all]`, body: null };
}
