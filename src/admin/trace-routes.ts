import { z } from "zod";
import { AdminError } from "./ports.ts";
import { found, type Route } from "./route.ts";
import { traceInputSchema, traceSchema } from "./trace-schemas.ts";

/** What has been said in a call, where it is traced (`log.sip`). Keys, PINs and credentials are not in it. Not for tokens that are limited to meetings. */
export const traceRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/calls/{callId}/trace",
    id: "getCallTrace",
    tag: "calls",
    summary: "The messages of a call",
    description:
      "By the gateway's identifier of the call, or by its Call-ID or H.323 call identifier; of a call that is over as long as `log.keepMinutes` says. Keys, PINs and credentials are left out.",
    query: z.object({ after: z.coerce.number().int().min(0).default(0).describe("Only messages behind this `sequence`.") }),
    status: 200,
    answer: traceSchema,
    problems: { 404: "No such call, or none that was traced." },
    handle: ({ traces, params, query }) => found(traces.get(params["callId"]!, query["after"] as number), "call", params["callId"]!),
  },
  {
    method: "PUT",
    path: "/calls/{callId}/trace",
    id: "setCallTrace",
    tag: "calls",
    summary: "Trace a call from now on, or no longer",
    description: "Holds for this call, whatever the configuration says.",
    body: traceInputSchema,
    status: 200,
    answer: traceInputSchema,
    problems: { 404: "No such call, or it is over." },
    handle: ({ traces, params, body }) => {
      const wish = body as z.infer<typeof traceInputSchema>;
      const id = params["callId"]!;
      if (!traces.setLevel(id, wish.level)) throw new AdminError(404, "no-such-call", `there is no call ${id}`);
      return wish;
    },
  },
];
