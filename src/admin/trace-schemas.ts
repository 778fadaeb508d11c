import { z } from "zod";
import { TRACE_LEVELS } from "../trace/index.ts";

const level = z.enum(TRACE_LEVELS).describe("`headers`: start lines and header fields; `full`: bodies as well.");

export const messageSchema = z
  .strictObject({
    sequence: z.int().describe("Grows from message to message."),
    leg: z.string().describe("`sip:` and a Call-ID, `h323:` and a call identifier, `esl:` and a channel of the media server."),
    protocol: z.enum(["sip", "h225", "h245", "ras", "esl"]).describe("`esl`: the media server's event socket."),
    direction: z.enum(["in", "out"]).describe("As the gateway sees it."),
    transport: z.string(),
    local: z.string().describe("address:port"),
    remote: z.string().describe("address:port"),
    at: z.number().describe("Milliseconds since 1970."),
    summary: z.string(),
    head: z.string().describe("Start line and header fields, one a line."),
    body: z.string().nullable(),
  })
  .meta({ id: "TracedMessage" });

export const traceSchema = z
  .strictObject({
    callId: z.string().nullable().describe("The gateway's identifier; null for messages that belong to no call of it."),
    level,
    dropped: z.int().describe("Older messages of the call that are not kept any more."),
    ended: z.boolean(),
    messages: z.array(messageSchema),
  })
  .meta({ id: "CallTrace" });

export const traceInputSchema = z.strictObject({ level }).meta({ id: "CallTraceInput" });
