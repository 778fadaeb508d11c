import type { FastifyReply, FastifyRequest } from "fastify";
import { sourceOf } from "../base/ip-address.ts";
import type { ApiIdentity, ApiTokens } from "../security/api-tokens.ts";
import type { ClientAddresses } from "../security/client-address.ts";
import { RateLimiter } from "../base/rate-limit.ts";
import { problem, send } from "./problem.ts";
import type { Route } from "./route.ts";

export interface GateOptions {
  readonly tokens: Pick<ApiTokens, "verify">;
  readonly clients: ClientAddresses;
  /** Requests a second of one source: an IPv4 address, an IPv6 /64. */
  readonly requestsPerSecond: number;
  readonly log: { warn(fields: object, message: string): void };
  /** A wrong token came from that address. */
  readonly offence?: (address: string) => void;
}

/**
 * Who may ask the admin API, and how often. A right token is looked for first, and has limits of its own: whoever sends wrong ones from the same address, as
 * everybody behind one NAT does, keeps nobody out.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #requests: RateLimiter;
  readonly #strangers: RateLimiter;
  /** Wrong tokens of one source: ten at once, then one in six seconds. */
  readonly #guesses = new RateLimiter({ perSecond: 1 / 6, burst: 10 });

  constructor(options: GateOptions) {
    this.#options = options;
    const perSecond = options.requestsPerSecond;
    this.#requests = new RateLimiter({ perSecond, burst: perSecond * 4 });
    this.#strangers = new RateLimiter({ perSecond, burst: perSecond * 4 });
  }

  /** Who asks; null when the request has been answered. */
  identify(request: FastifyRequest, reply: FastifyReply): ApiIdentity | null {
    const now = performance.now();
    const from = this.#options.clients.of(request.raw).address;
    const source = sourceOf(from);
    const token = bearerOf(request.headers.authorization);
    const verdict = token === null ? null : this.#options.tokens.verify(token);
    if (verdict !== null && "identity" in verdict) {
      if (this.#requests.take(`${source} ${verdict.identity.id}`, now)) return verdict.identity;
      tooMany(reply, "1");
      return null;
    }
    if (!this.#strangers.take(source, now)) {
      tooMany(reply, "1");
      return null;
    }
    const wrong = verdict !== null || request.headers.authorization !== undefined;
    if (wrong && !this.#guesses.take(source, now)) {
      tooMany(reply, "6");
      return null;
    }
    const expired = verdict?.fault === "expired";
    if (wrong && !expired) this.#options.offence?.(from);
    if (wrong)
      this.#options.log.warn(
        { event: "admin-token-refused", from, code: expired ? "expired" : "unknown", route: request.routeOptions.url },
        expired ? "admin request with an expired token" : "admin request with a wrong token",
      );
    const challenge = `Bearer realm="crosspoint"${wrong ? ', error="invalid_token"' : ""}`;
    const told = expired
      ? problem(401, "token-expired", "this token has expired: ask the operator for another")
      : problem(401, "unauthorized", "send an API token: Authorization: Bearer TOKEN");
    send(reply.header("www-authenticate", challenge), told);
    return null;
  }

  /** Whether they may use this route; false when the request has been answered. What is filtered by meeting the route's handler sees to. */
  permits(identity: ApiIdentity, route: Pick<Route, "method" | "scope">, request: FastifyRequest, reply: FastifyReply): boolean {
    if (identity.role === "viewer" && route.method !== "GET") {
      send(reply, problem(403, "role-not-allowed", "a viewer's token may only read"));
      return false;
    }
    if (identity.meetings === null || route.scope === "filtered") return true;
    const { meetingId } = request.params as Record<string, string>;
    if (route.scope === "meeting" && meetingId !== undefined && identity.meetings.includes(meetingId)) return true;
    send(
      reply,
      problem(403, "out-of-scope", "this token is limited to some meetings, and this is none of them or concerns the whole gateway"),
    );
    return false;
  }
}

function tooMany(reply: FastifyReply, seconds: string): void {
  send(reply.header("retry-after", seconds), problem(429, "too-many-requests", "too many requests from this address; try again later"));
}

/** The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1); null for anything else. */
function bearerOf(field: string | undefined): string | null {
  const [scheme, token, ...rest] = (field ?? "").split(" ");
  return scheme?.toLowerCase() === "bearer" && token && rest.length === 0 ? token : null;
}
