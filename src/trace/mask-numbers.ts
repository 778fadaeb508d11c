/**
 * What only the thread of the gateway can know of a message that was masked in another: which numbers reach a meeting, so that what follows them is its PIN (`20001234`).
 */
import { maskName, maskText } from "../base/pin-mask.ts";
import type { TracedMessage } from "./types.ts";

/** Lines of identifiers and protocol elements, in which no number is dialled. */
const APART = ["Via:", "Call-ID:", "CSeq:", "Content-Length:", "Accept:", "Replaces:", "Session-ID:", "m=", "c=", "a=", "b=", "t=", "v="];

export function maskKnownNumbers(message: TracedMessage): TracedMessage {
  const { summary, head, body } = message;
  return { ...message, summary: maskText(summary), head: byLine(head), body: body === null ? null : byLine(body) };
}

function byLine(text: string): string {
  return text
    .split("\n")
    .map((line) => (APART.some((start) => line.startsWith(start)) ? line : maskText(maskQuoted(line))))
    .join("\n");
}

/** Display names and phrases. */
function maskQuoted(line: string): string {
  if (!line.includes('"')) return line;
  return line
    .split('"')
    .map((part, i) => (i % 2 === 1 ? maskName(part) : part))
    .join('"');
}
