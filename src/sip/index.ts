export { ClientCall, type ClientUser } from "./client-call.ts";
export { Dialog, dialogKey, dialogKeyOfRequest, remoteTagOf } from "./dialog.ts";
export * from "./digest.ts";
export { newBranch, newCallId, newTag, randomId } from "./ids.ts";
export {
  type LayerHandler,
  type LayerOptions,
  type LayerStats,
  nextHop,
  type SendOptions,
  type ServerTransaction,
  SipLayer,
} from "./layer.ts";
export { locate, orderSrv } from "./locate.ts";
export { type Content, type EndReason, Session, type SessionEvents } from "./session.ts";
export { SessionTimer, type SessionTimerOptions } from "./session-timer.ts";
export { standardTimers, type TimerBase, TimerQueue } from "./timers.ts";
export { InviteServerTransaction } from "./transactions/invite-server.ts";
export { NonInviteServerTransaction } from "./transactions/non-invite-server.ts";
export type { ServerTransactionUser } from "./transactions/server-base.ts";
export * from "./types.ts";
export { contactOf, type InviteOptions, UserAgent, type UserAgentHandler, type UserAgentOptions } from "./user-agent.ts";
