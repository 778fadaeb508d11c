/**
 * The embedded SIP engine: speaks drachtio's protocol to applications and SIP to the world, in a thread of its own, so that neither
 * media nor the application delay it.
 */
import type { TlsSettings } from "../io/tls.ts";
import type { Challenge } from "../security/acme/challenges.ts";
import type { AccessLists } from "../security/access.ts";
import type { Listener } from "../sip/types.ts";
import { PendingRequests } from "../threads/pending-requests.ts";
import { startThread } from "../threads/start-thread.ts";
import type { TracedMessage, TraceWish } from "../trace/index.ts";
import type { EngineLog, EngineOffence, SipEngineOptions, SipEngineStats } from "./engine.ts";
import type { FromWorker, ToWorker } from "./thread-messages.ts";

export type { EngineLog, EngineOffence, SipEngineOptions, SipEngineStats } from "./engine.ts";

/** A running engine. */
export interface SipEngine {
  /** Port applications connect to. */
  readonly drachtioPort: number;
  /** What was bound, with the actual ports. */
  readonly listeners: readonly Listener[];
  /** Takes new certificates for handshakes from now on. Rejects when they do not fit together; the old ones then stay. */
  reloadTls(tls: TlsSettings): Promise<void>;
  /** The challenges that TLS listeners answer beside their peers while a certificate is asked for (RFC 8737). */
  setChallenges(challenges: readonly Challenge[]): Promise<void>;
  /** Whom it listens to from now on; connections of others are closed. */
  setAccess(lists: AccessLists): Promise<void>;
  /** Does not listen to that source, as `sourceOf` names it, for so many ms. */
  ban(source: string, milliseconds: number): Promise<void>;
  lift(source: string): Promise<void>;
  /** Which messages are told of from now on. */
  trace(wish: TraceWish): Promise<void>;
  /** The application has recognised a trunk from that source: it is no stranger. */
  recognised(source: string): Promise<void>;
  /** Counters and table sizes. */
  stats(): Promise<SipEngineStats>;
  /** Closes everything. */
  stop(): Promise<void>;
  /** Settles when the thread ends: undefined after `stop`, else the error that ended it. */
  readonly ended: Promise<Error | undefined>;
}

/**
 * Starts the engine. Rejects when an address cannot be bound or the certificates are unusable. `onLog` gets its log, already limited;
 * `onOffences` what may ban a source; `onTraced` the messages that `trace` asks for, masked.
 */
export async function startSipEngine(
  options: SipEngineOptions,
  onLog: (line: EngineLog) => void = () => {},
  onOffences: (offences: readonly EngineOffence[]) => void = () => {},
  onTraced: (messages: readonly TracedMessage[]) => void = () => {},
): Promise<SipEngine> {
  const requests = new PendingRequests<SipEngineStats | undefined>();
  const started = Promise.withResolvers<Extract<FromWorker, { kind: "started" }>>();
  const end = Promise.withResolvers<Error | undefined>();
  let stopping = false;
  let over = false;
  const onMessage = (message: FromWorker) => {
    switch (message.kind) {
      case "started":
        return started.resolve(message);
      case "refused":
        stopping = true;
        started.reject(new Error(message.error));
        void thread.terminate();
        return;
      case "log":
        return onLog(message.line);
      case "offences":
        return onOffences(message.offences);
      case "traced":
        return onTraced(message.messages);
      case "done":
        return requests.resolve(message.id, message.result);
      case "failed":
        return requests.reject(message.id, new Error(message.error));
    }
  };
  const thread = startThread<ToWorker, FromWorker>(
    new URL("./worker.ts", import.meta.url),
    // Messages live for a moment. Left alone the nursery of a busy thread grows to 128 MB.
    { workerData: options, name: "sip-engine", resourceLimits: { maxYoungGenerationSizeMb: 12 } },
    onMessage,
    (reason) => {
      const error = stopping ? undefined : new Error(`the SIP engine's thread ended: ${reason}`);
      over = true;
      requests.rejectAll(error ?? new Error("the SIP engine has stopped"));
      started.reject(error ?? new Error("the SIP engine has stopped"));
      end.resolve(error);
    },
  );
  const { drachtioPort, listeners } = await started.promise;
  type Order = ToWorker extends infer T ? (T extends ToWorker ? Omit<T, "id"> : never) : never;
  const ask = (order: Order): Promise<SipEngineStats | undefined> =>
    over ? Promise.reject(new Error("the SIP engine has stopped")) : requests.open((id) => thread.post({ ...order, id }));
  return {
    drachtioPort,
    listeners,
    reloadTls: async (tls) => {
      await ask({ kind: "tls", tls });
    },
    setChallenges: async (challenges) => {
      await ask({ kind: "challenges", challenges });
    },
    setAccess: async (lists) => {
      await ask({ kind: "access", lists });
    },
    ban: async (source, milliseconds) => {
      await ask({ kind: "ban", source, milliseconds });
    },
    lift: async (source) => {
      await ask({ kind: "lift", source });
    },
    trace: async (wish) => {
      await ask({ kind: "trace", wish });
    },
    recognised: async (source) => {
      await ask({ kind: "recognised", source });
    },
    stats: async () => (await ask({ kind: "stats" })) ?? {},
    stop: async () => {
      if (stopping) return;
      stopping = true;
      await Promise.race([ask({ kind: "stop" }).catch(() => {}), end.promise]);
      await thread.terminate();
      await end.promise;
    },
    ended: end.promise,
  };
}
