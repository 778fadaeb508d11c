import type { JoinTokenVerdict } from "../security/join-token.ts";
import type { GatewayMessage, JoinMessage, PageMessage } from "./messages.ts";

/** The page's end of a visit: one WebSocket, which may be replaced by another. */
export interface PageLink {
  send(message: GatewayMessage): void;
  /** After what was sent before. */
  close(): void;
}

/** Where a page comes from. */
export interface PageSource {
  readonly address: string;
  /** `wss`, `ws` */
  readonly transport: "ws" | "wss";
  /** What came of the join token, where one was brought. */
  readonly token: JoinTokenVerdict | null;
  readonly userAgent: string | undefined;
}

/** One page in, or on its way into, a meeting. */
export interface Visit {
  /** A message other than `join` and `resume`. */
  receive(message: Exclude<PageMessage, { type: "join" | "resume" }>): void;
  /** The page's WebSocket has closed; another may follow. `away`: because the page is being closed, as it says. */
  detached(link: PageLink, away: boolean): void;
}

/** What the page's door needs of the gateway. */
export interface VisitHost {
  /** Everything that follows is told by `link`. */
  join(message: JoinMessage, source: PageSource, link: PageLink): Visit;
  /** Undefined when there is no such visit, or the secret is not its own. */
  resume(visit: string, secret: string, link: PageLink): Visit | undefined;
}
