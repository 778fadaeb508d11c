import type { LogRecord } from "../options.ts";
import type { Addresses, ServerStats } from "./server.ts";

/** To the control thread. */
export type ToControl = { readonly t: "stats"; readonly req: number } | { readonly t: "close" };
/** From the control thread. */
export type FromControl =
  | { readonly t: "open"; readonly addresses: Addresses }
  | { readonly t: "failed"; readonly message: string }
  | { readonly t: "stats"; readonly req: number; readonly stats: ServerStats }
  | { readonly t: "closed" }
  | { readonly t: "log"; readonly record: LogRecord };
