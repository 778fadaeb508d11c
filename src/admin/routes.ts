import { z } from "zod";
import type { CallRecord, RecordStore } from "../records/model.ts";
import { apiTokenRoutes } from "./api-token-routes.ts";
import { banRoutes } from "./ban-routes.ts";
import { AdminError, type CallView, type GatewayControl } from "./ports.ts";
import { joinTokenRoutes } from "./join-token-routes.ts";
import { invalidCursor, type Page } from "./paging.ts";
import { found, type Route, type RouteRequest } from "./route.ts";
import { traceRoutes } from "./trace-routes.ts";
import * as schemas from "./schemas.ts";

const recordQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe("Most records answered."),
  before: z
    .string()
    .max(128)
    .optional()
    .describe("Only older ones than this: a record's `id` (the last of the page before) or an ISO 8601 time."),
  cursor: z.string().max(128).optional().describe("The same as `before`: the `X-Next-Cursor` of the page before."),
  meetingId: z.string().max(64).optional(),
  outcome: schemas.outcomeSchema.optional(),
});

function callOf(gateway: GatewayControl, id: string, inScope: (meetingId: string | null) => boolean): CallView {
  const call = gateway.call(id);
  return found(call && inScope(call.meetingId) ? call : undefined, "call", id);
}

/** Counting stops here: the total is then at least so much. */
const MOST_COUNTED = 100_000;

/** Page after page until there are as many as were asked for: most records may be of other meetings. Throws AdminError 400 for a `before` that is none. */
function recordsPage({ gateway: { records }, query, inScope }: RouteRequest): Page<CallRecord> {
  const { cursor, before: since = cursor, ...wanted } = query as z.infer<typeof recordQuery>;
  const isTime = since !== undefined && /^\d{4}-\d{2}-\d{2}T/.test(since) && !Number.isNaN(Date.parse(since));
  if (since !== undefined && !isTime && records.get(since) === undefined) throw invalidCursor();
  const filter = wanted as { limit: number } & Parameters<RecordStore["count"]>[0];
  if (wanted.meetingId !== undefined && !inScope(wanted.meetingId)) return { items: [], total: 0, next: null };
  const items: CallRecord[] = [];
  for (let before = since; ; ) {
    // one more than wanted tells whether there is another page
    const page = records.list({ ...filter, limit: wanted.limit + 1, ...(before === undefined ? {} : { before }) });
    items.push(...page.filter(({ meetingId }) => inScope(meetingId)));
    if (page.length <= wanted.limit || items.length > wanted.limit) break;
    before = page.at(-1)!.id;
  }
  const shown = items.slice(0, wanted.limit);
  return { items: shown, total: records.count(filter, MOST_COUNTED), next: items.length > shown.length ? shown.at(-1)!.id : null };
}

const actions = {
  admit: "Lets a participant in from the lobby or from waiting for the host.",
  remove: "Ends a participant's call.",
  mute: "Mutes a participant.",
  unmute: "Unmutes a participant.",
} as const;

export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/health",
    id: "health",
    tag: "gateway",
    summary: "Whether calls can be taken",
    open: true,
    status: 200,
    answer: schemas.healthSchema,
    problems: { 503: "Degraded or draining; the body is the same." },
  },
  {
    method: "GET",
    path: "/calls",
    id: "listCalls",
    paged: true,
    tag: "calls",
    summary: "Calls in progress",
    status: 200,
    answer: z.array(schemas.callSchema),
    scope: "filtered",
    handle: ({ gateway, inScope }) => gateway.calls().filter(({ meetingId }) => inScope(meetingId)),
  },
  {
    method: "POST",
    path: "/calls",
    id: "dialOut",
    tag: "calls",
    summary: "Call somebody into a meeting",
    description: "Answers when the other side rings. What becomes of the call afterwards is in its events and its record.",
    body: schemas.dialOutSchema,
    status: 201,
    answer: schemas.callSchema,
    problems: {
      400: "Nobody can be called by this URI, or there is no such trunk.",
      404: "No such meeting.",
      409: "The meeting is end-to-end encrypted, or the trunk has not registered with us.",
      502: "Refused or not reached before it rang; `detail` says why.",
      503: "Draining, no media server, or the trunk has all the calls it may have.",
    },
    scope: "filtered",
    handle: ({ gateway, body, inScope }) => {
      const request = body as z.infer<typeof schemas.dialOutSchema>;
      if (!inScope(request.meetingId)) throw new AdminError(403, "out-of-scope", `this token is not for meeting ${request.meetingId}`);
      return gateway.dialOut(request);
    },
  },
  {
    method: "GET",
    path: "/calls/{callId}",
    id: "getCall",
    tag: "calls",
    summary: "One call",
    status: 200,
    answer: schemas.callSchema,
    problems: { 404: "No such call." },
    scope: "filtered",
    handle: ({ gateway, params, inScope }) => callOf(gateway, params["callId"]!, inScope),
  },
  {
    method: "DELETE",
    path: "/calls/{callId}",
    id: "endCall",
    tag: "calls",
    summary: "End a call",
    status: 204,
    problems: { 404: "No such call." },
    scope: "filtered",
    handle: ({ gateway, params, inScope }) => gateway.endCall(callOf(gateway, params["callId"]!, inScope).id),
  },
  ...traceRoutes,
  {
    method: "GET",
    path: "/meetings",
    id: "listMeetings",
    paged: true,
    tag: "meetings",
    summary: "All meetings",
    status: 200,
    answer: z.array(schemas.meetingSchema),
    scope: "filtered",
    handle: ({ gateway, inScope }) => gateway.meetings().filter(({ id }) => inScope(id)),
  },
  {
    method: "POST",
    path: "/meetings",
    id: "createMeeting",
    tag: "meetings",
    summary: "Make a meeting",
    body: schemas.meetingInputSchema,
    status: 201,
    answer: schemas.meetingSchema,
    problems: { 409: "The number is taken." },
    handle: ({ gateway, body }) => gateway.createMeeting(body as z.infer<typeof schemas.meetingInputSchema>),
  },
  {
    method: "GET",
    path: "/meetings/{meetingId}",
    id: "getMeeting",
    scope: "meeting",
    tag: "meetings",
    summary: "One meeting",
    status: 200,
    answer: schemas.meetingSchema,
    problems: { 404: "No such meeting." },
    handle: ({ gateway, params }) => found(gateway.meeting(params["meetingId"]!), "meeting", params["meetingId"]!),
  },
  {
    method: "PUT",
    path: "/meetings/{meetingId}",
    id: "updateMeeting",
    scope: "meeting",
    tag: "meetings",
    summary: "Change a meeting",
    description: "Absent fields stay as they are. Participants stay in.",
    body: schemas.meetingInputSchema,
    status: 200,
    answer: schemas.meetingSchema,
    problems: { 404: "No such meeting.", 409: "The meeting is the configuration's, or a number is taken." },
    handle: ({ gateway, params, body }) => {
      const input = body as z.infer<typeof schemas.meetingInputSchema>;
      if (input.id !== undefined && input.id !== params["meetingId"])
        throw new AdminError(409, "id-fixed", "a meeting's id cannot be changed");
      return gateway.updateMeeting(params["meetingId"]!, input);
    },
  },
  {
    method: "DELETE",
    path: "/meetings/{meetingId}",
    id: "deleteMeeting",
    scope: "meeting",
    tag: "meetings",
    summary: "Remove a meeting; its participants' calls end",
    status: 204,
    problems: { 404: "No such meeting.", 409: "The meeting is the configuration's." },
    handle: ({ gateway, params }) => gateway.deleteMeeting(params["meetingId"]!),
  },
  ...joinTokenRoutes,
  ...banRoutes,
  ...apiTokenRoutes,
  {
    method: "GET",
    path: "/meetings/{meetingId}/participants",
    id: "listParticipants",
    paged: true,
    scope: "meeting",
    tag: "meetings",
    summary: "Who is in a meeting, in its lobby, or waiting",
    status: 200,
    answer: z.array(schemas.participantSchema),
    problems: { 404: "No such meeting." },
    handle: ({ gateway, params }) => {
      found(gateway.meeting(params["meetingId"]!), "meeting", params["meetingId"]!);
      return gateway.participants(params["meetingId"]!);
    },
  },
  {
    method: "GET",
    path: "/participants",
    id: "listAllParticipants",
    tag: "meetings",
    summary: "Who is in any meeting, in its lobby, or waiting",
    scope: "filtered",
    paged: true,
    status: 200,
    answer: z.array(schemas.participantSchema),
    handle: ({ gateway, inScope }) =>
      gateway
        .meetings()
        .filter(({ id }) => inScope(id))
        .flatMap(({ id }) => gateway.participants(id)),
  },
  ...(Object.keys(actions) as (keyof typeof actions)[]).map(
    (action): Route => ({
      method: "POST",
      path: `/meetings/{meetingId}/participants/{participantId}/${action}`,
      id: `${action}Participant`,
      scope: "meeting",
      tag: "meetings",
      summary: actions[action],
      status: 200,
      answer: schemas.participantSchema,
      problems: { 404: "No such meeting or participant.", 409: "The participant's state does not allow it." },
      handle: ({ gateway, params }) => gateway.act(params["meetingId"]!, params["participantId"]!, action),
    }),
  ),
  {
    method: "GET",
    path: "/trunks",
    id: "listTrunks",
    tag: "trunks",
    summary: "Trunks and their calls",
    status: 200,
    answer: z.array(schemas.trunkSchema),
    handle: ({ gateway }) => gateway.trunks(),
  },
  {
    method: "GET",
    path: "/numbers",
    id: "listNumbers",
    paged: true,
    tag: "trunks",
    summary: "Telephone numbers that reach us, of the configuration",
    status: 200,
    answer: z.array(schemas.numberSchema),
    handle: ({ gateway }) => gateway.numbers().map((entry) => ({ id: entry.number, ...entry })),
  },
  {
    method: "GET",
    path: "/h323",
    id: "showH323",
    tag: "trunks",
    summary: "H.323: endpoints registered here, neighbours, and our own registration",
    status: 200,
    answer: schemas.h323Schema,
    handle: ({ gateway }) => gateway.h323(),
  },
  {
    method: "GET",
    path: "/records",
    id: "listRecords",
    tag: "records",
    summary: "Ended calls, newest first",
    query: recordQuery,
    status: 200,
    answer: z.array(schemas.recordSchema),
    scope: "filtered",
    problems: { 400: "`before` is neither a record nor a time." },
    handle: recordsPage,
  },
  {
    method: "GET",
    path: "/records/{recordId}",
    id: "getRecord",
    tag: "records",
    summary: "One ended call",
    scope: "filtered",
    status: 200,
    answer: schemas.recordSchema,
    problems: { 404: "No such record." },
    handle: ({ gateway, params, inScope }) => {
      const record = gateway.records.get(params["recordId"]!);
      return found(record && inScope(record.meetingId) ? record : undefined, "record", params["recordId"]!);
    },
  },
  {
    method: "GET",
    path: "/events",
    id: "events",
    scope: "filtered",
    tag: "events",
    summary: "Everything as it happens",
    description:
      "Server-sent events. `event` is `call`, `call-ended`, `participant`, `meeting` or `meeting-deleted`; `data` is the Call, CallRecord, Participant or Meeting, and `{id}` of a deleted meeting. " +
      "A comment every 15 seconds keeps the connection. With `Last-Event-ID` what was missed comes first, as far as it is still known.",
    status: 200,
    stream: "text/event-stream",
    problems: { 503: "Too many listeners." },
  },
  {
    method: "GET",
    path: "/openapi.json",
    id: "openapi",
    tag: "gateway",
    summary: "This document",
    open: true,
    status: 200,
    stream: "application/json",
  },
];
