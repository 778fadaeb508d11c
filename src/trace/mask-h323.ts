/** H.225.0 call signalling, H.245 and RAS as a trace shows them. What may be shown of their fields is `h323/trace-format.ts`'s to say. */
import { readableControl, readableRas, readableSignalling } from "../h323/index.ts";
import { printable } from "./printable.ts";
import type { MessageText, TraceProtocol } from "./types.ts";

const READERS = { h225: readableSignalling, h245: readableControl, ras: readableRas } as const;
/** Of one message. */
const MOST = 16_384;

/** Never throws on what a stranger sent; of what cannot be decoded only its length is told. `callIdentifier` where the message has one. */
export function readH323(
  protocol: Exclude<TraceProtocol, "sip" | "esl">,
  bytes: Uint8Array,
  withBody: boolean,
): MessageText & { readonly callIdentifier?: string | undefined } {
  try {
    const { name, content, callIdentifier } = READERS[protocol](bytes);
    const text = withBody ? JSON.stringify(content, null, 1) : undefined;
    const body =
      text === undefined
        ? null
        : text
            .split("\n")
            .map((line) => printable(line))
            .join("\n")
            .slice(0, MOST);
    return { summary: printable(name, 80), head: printable(name, 200), body, callIdentifier };
  } catch {
    return { summary: "unreadable", head: `[unreadable, ${bytes.length} bytes]`, body: null };
  }
}
