import type { z } from "zod";
import { AdminError } from "./ports.ts";
import type { Route, RouteRequest } from "./route.ts";
import * as schemas from "./schemas.ts";

/** A token that nobody gave an end to lasts so long. */
const DEFAULT_SECONDS = 12 * 3600;
const MAX_SECONDS = 400 * 24 * 3600;

const issue = ({ gateway, joinTokens, params, body }: RouteRequest): z.infer<typeof schemas.joinTokenSchema> => {
  const id = params["meetingId"]!;
  const meeting = gateway.meeting(id);
  if (!meeting) throw new AdminError(404, "no-such-meeting", `there is no meeting ${id}`);
  if (!joinTokens) throw new AdminError(409, "no-meeting-page", "browsers are not taken here: web.callers is off");
  if (meeting.endToEndEncrypted)
    throw new AdminError(409, "end-to-end-encrypted", `meeting ${id} is end-to-end encrypted and takes no browsers through this gateway`);
  const { name, role = "guest", expiresAt, expiresInSeconds = DEFAULT_SECONDS } = body as z.infer<typeof schemas.joinTokenInputSchema>;
  const now = Date.now();
  const end = expiresAt === undefined ? now + expiresInSeconds * 1000 : Date.parse(expiresAt);
  if (end <= now || end > now + MAX_SECONDS * 1000)
    throw new AdminError(422, "invalid-expiry", "expiresAt must lie in the future, and within 400 days");
  const made = joinTokens.issue({ meeting: id, name: name ?? null, role, expiresAt: end });
  const hash = new URLSearchParams({ meeting: id, ...(name === undefined ? {} : { name }), token: made.token });
  return {
    id: made.id,
    token: made.token,
    meetingId: id,
    name: made.name,
    role: made.role,
    expiresAt: new Date(made.expiresAt).toISOString(),
    path: `/meeting#${hash}`,
  };
};

/** What browsers join with. */
export const joinTokenRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/meetings/{meetingId}/join-tokens",
    id: "createJoinToken",
    scope: "meeting",
    tag: "meetings",
    summary: "Sign a token that a browser joins this meeting with",
    description:
      "Whoever opens `path` on the web port joins as a verified participant with this role, past PIN and lobby. The token is good for this meeting and for joining only. It ends at `expiresAt`, when the meeting is deleted, and when tokens are revoked. It is shown once.",
    body: schemas.joinTokenInputSchema,
    status: 201,
    located: false,
    answer: schemas.joinTokenSchema,
    problems: { 404: "No such meeting.", 409: "The meeting, or this gateway, takes no browsers." },
    handle: issue,
  },
  {
    method: "DELETE",
    path: "/meetings/{meetingId}/join-tokens",
    id: "revokeJoinTokens",
    scope: "meeting",
    tag: "meetings",
    summary: "Revoke every join token of this meeting that was issued until now",
    description: "Participants who have joined stay in.",
    status: 204,
    problems: { 404: "No such meeting." },
    handle: ({ gateway, joinTokens, params }) => {
      const id = params["meetingId"]!;
      if (!gateway.meeting(id)) throw new AdminError(404, "no-such-meeting", `there is no meeting ${id}`);
      joinTokens?.revoke(id);
    },
  },
  {
    method: "DELETE",
    path: "/join-tokens",
    id: "rollJoinTokenKey",
    tag: "meetings",
    summary: "Replace the key that join tokens are signed with: every token issued until now is revoked",
    status: 204,
    handle: ({ joinTokens }) => joinTokens?.rollKey(),
  },
];
