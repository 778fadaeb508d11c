import type { z } from "zod";
import type { ApiTokens } from "../security/api-tokens.ts";
import type { Defence } from "../security/defence.ts";
import type { JoinTokens } from "../security/join-token.ts";
import type { CallTraces } from "../trace/index.ts";
import { AdminError, type GatewayControl } from "./ports.ts";

/** One route of /api/v1: the server is made from it, and so is the OpenAPI document. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below /api/v1, parameters in braces. */
  readonly path: string;
  readonly id: string;
  readonly tag: "gateway" | "calls" | "meetings" | "trunks" | "records" | "events" | "tokens";
  readonly summary: string;
  readonly description?: string;
  /**
   * For tokens that are limited to some meetings: `meeting` where `{meetingId}` must be one of them, `filtered` where the handler sees to it. Absent:
   * concerns the whole gateway, and such tokens may not.
   */
  readonly scope?: "meeting" | "filtered";
  /** Without a token. */
  readonly open?: boolean;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** A list of entries with `id` or `name`, answered page by page: the handler gives it whole. */
  readonly paged?: boolean;
  readonly status: number;
  /** Absent: no body. */
  readonly answer?: z.ZodType;
  /** Content type of an answer that is no JSON. */
  readonly stream?: string;
  /** What else it may answer, with the reason. */
  readonly problems?: Readonly<Record<number, string>>;
  /** False: what a 201 has made cannot be looked up later, so there is no Location. */
  readonly located?: boolean;
  /** Absent for the streams and documents that the server answers itself. */
  readonly handle?: (request: RouteRequest) => unknown;
}

/** What a handler gets: everything checked. */
export interface RouteRequest {
  readonly gateway: GatewayControl;
  /** Null where there is no meeting page. */
  readonly joinTokens: Pick<JoinTokens, "issue" | "revoke" | "rollKey"> | null;
  readonly defence: Pick<Defence, "bans" | "ban" | "lift">;
  readonly traces: Pick<CallTraces, "get" | "setLevel">;
  readonly tokens: Pick<ApiTokens, "list" | "make" | "remove">;
  /** Whether what belongs to this meeting, or to none, may be shown to whoever asks. */
  readonly inScope: (meetingId: string | null) => boolean;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export function found<T>(thing: T | undefined, what: string, id: string): T {
  if (thing === undefined) throw new AdminError(404, `no-such-${what}`, `there is no ${what} ${id}`);
  return thing;
}
