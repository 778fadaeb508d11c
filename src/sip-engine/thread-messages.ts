/** What the engine's thread and its owner tell each other. */
import type { Challenge } from "../security/acme/challenges.ts";
import type { TlsSettings } from "../io/tls.ts";
import type { Listener } from "../sip/types.ts";
import type { AccessLists } from "../security/access.ts";
import type { TracedMessage, TraceWish } from "../trace/index.ts";
import type { EngineLog, EngineOffence, SipEngineStats } from "./engine.ts";

export type ToWorker =
  | { readonly kind: "tls"; readonly id: number; readonly tls: TlsSettings }
  | { readonly kind: "challenges"; readonly id: number; readonly challenges: readonly Challenge[] }
  | { readonly kind: "access"; readonly id: number; readonly lists: AccessLists }
  | { readonly kind: "ban"; readonly id: number; readonly source: string; readonly milliseconds: number }
  | { readonly kind: "lift"; readonly id: number; readonly source: string }
  | { readonly kind: "trace"; readonly id: number; readonly wish: TraceWish }
  | { readonly kind: "recognised"; readonly id: number; readonly source: string }
  | { readonly kind: "stats"; readonly id: number }
  | { readonly kind: "stop"; readonly id: number };

export type FromWorker =
  | { readonly kind: "started"; readonly drachtioPort: number; readonly listeners: readonly Listener[] }
  | { readonly kind: "refused"; readonly error: string }
  | { readonly kind: "log"; readonly line: EngineLog }
  | { readonly kind: "offences"; readonly offences: readonly EngineOffence[] }
  | { readonly kind: "traced"; readonly messages: readonly TracedMessage[] }
  | { readonly kind: "done"; readonly id: number; readonly result: SipEngineStats | undefined }
  | { readonly kind: "failed"; readonly id: number; readonly error: string };
