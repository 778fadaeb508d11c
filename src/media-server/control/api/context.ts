import type { Channel } from "../channel/channel.ts";
import type { ConferenceApiContext } from "../conference/commands.ts";
import type { Core } from "../core.ts";
import type { MediaPool } from "../media/media-pool.ts";

/** Where a SIP profile listens, for `sofia status`. */
export interface ProfileInfo {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly tlsPort: number | undefined;
}

/** What the commands can reach. */
export interface ApiContext extends ConferenceApiContext {
  readonly core: Core;
  readonly pool: MediaPool;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly profile: () => ProfileInfo;
  readonly maxSessions: number;
  /** Channels since start, and how many began within the last second. */
  readonly totals: () => { total: number; lastSecond: number; peak: number };
}
