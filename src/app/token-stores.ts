import { join } from "node:path";
import type { Logger } from "pino";
import type { GatewayControl } from "../admin/ports.ts";
import { ApiTokens } from "../security/api-tokens.ts";
import { JoinTokens } from "../security/join-token.ts";
import { keptToken } from "../security/token.ts";
import { StartError } from "./bind-errors.ts";
import type { Config } from "./config/config.ts";

/** The tokens of the API and of browsers, and where they are kept. */
export interface TokenStores {
  /** The administrator's. */
  readonly token: string;
  /** Where a made token is kept, and whether it was made just now; null for one that was configured. */
  readonly kept: { readonly file: string; readonly made: boolean } | null;
  readonly api: ApiTokens;
  readonly join: JoinTokens;
}

/** Opens them. Throws StartError where a file of the data folder holds something else. */
export function openTokenStores({ data, admin }: Config): TokenStores {
  const kept = admin.token === null ? keptToken(data) : null;
  const token = admin.token ?? kept!.token;
  return {
    token,
    kept,
    api: openKept(join(data, "api-tokens.json"), (file) => new ApiTokens(file, token, admin.tokens)),
    join: openKept(join(data, "join-tokens.json"), (file) => new JoinTokens(file)),
  };
}

/** Revokes the join tokens of meetings that are deleted: a meeting made later under the same number is another one. Returns what ends that. */
export function revokeWithMeetings(gateway: Pick<GatewayControl, "onEvent">, joinTokens: JoinTokens, logger: Logger): () => void {
  return gateway.onEvent((event) => {
    if (event.type !== "meeting-deleted") return;
    try {
      joinTokens.revoke(event.meetingId);
    } catch (error) {
      logger.error({ event: "revocation-not-kept", meeting: event.meetingId, err: error }, "join tokens are revoked until a restart only");
    }
  });
}

function openKept<T>(file: string, open: (file: string) => T): T {
  try {
    return open(file);
  } catch (error) {
    throw new StartError(
      `${file} cannot be used (${(error as Error).message}): restore it, or move it away to begin without the tokens in it`,
    );
  }
}
