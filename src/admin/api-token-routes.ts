import type { z } from "zod";
import type { ApiIdentity } from "../security/api-tokens.ts";
import { AdminError } from "./ports.ts";
import type { Route } from "./route.ts";
import * as schemas from "./schemas.ts";

type ApiToken = z.infer<typeof schemas.apiTokenSchema>;

function view({ id, name, role, meetings, expiresAt, source }: ApiIdentity): ApiToken {
  const until = expiresAt === null ? null : new Date(expiresAt).toISOString();
  return { id, name, role, meetings: meetings && [...meetings], expiresAt: until, source };
}

/** The bearer tokens of the API itself. */
export const apiTokenRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/tokens",
    id: "listTokens",
    paged: true,
    tag: "tokens",
    summary: "Tokens that may ask this API, without the tokens themselves",
    status: 200,
    answer: schemas.apiTokenSchema.array(),
    handle: ({ tokens }) => tokens.list().map(view),
  },
  {
    method: "POST",
    path: "/tokens",
    id: "createToken",
    tag: "tokens",
    summary: "Make a token",
    description: "The token is shown in this answer only; what is kept is its hash.",
    body: schemas.apiTokenInputSchema,
    status: 201,
    answer: schemas.newApiTokenSchema,
    problems: { 409: "There are as many tokens as there may be." },
    handle: ({ tokens, body }) => {
      const { name, role, meetings, expiresAt, expiresInSeconds } = body as z.infer<typeof schemas.apiTokenInputSchema>;
      const now = Date.now();
      const end = expiresAt != null ? Date.parse(expiresAt) : expiresInSeconds == null ? null : now + expiresInSeconds * 1000;
      if (end !== null && end <= now) throw new AdminError(422, "invalid-expiry", "expiresAt must lie in the future");
      const made = tokens.make({ name, role, meetings: meetings ?? null, expiresAt: end });
      if (made === null) throw new AdminError(409, "too-many-tokens", "there are as many tokens as there may be: remove some");
      return { ...view(made.identity), token: made.token };
    },
  },
  {
    method: "DELETE",
    path: "/tokens/{tokenId}",
    id: "deleteToken",
    tag: "tokens",
    summary: "End a token",
    description: "Event streams that were opened with it end.",
    status: 204,
    problems: { 404: "No such token.", 409: "The token is the configuration's." },
    handle: ({ tokens, params }) => {
      const what = tokens.remove(params["tokenId"]!);
      if (what === "unknown") throw new AdminError(404, "no-such-token", `there is no token ${params["tokenId"]}`);
      if (what === "of-configuration")
        throw new AdminError(409, "token-of-configuration", "this token is in the configuration: remove it there");
    },
  },
];
