/**
 * The embedded SIP engine: speaks drachtio's protocol to applications and SIP to the world, in a thread of its own, so that neither
 * media nor the application delay it.
 */
import { Worker } from "node:worker_threads";
import type { TlsSettings } from "../io/tls.ts";
import type { Listener } from "../sip/types.ts";
import type { AccessLists } from "../security/access.ts";
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
  /** Whom it listens to from now on; connections of others are closed. */
  setAccess(lists: AccessLists): Promise<void>;
  /** Does not listen to that source, as `sourceOf` names it, for so many ms. */
  ban(source: string, milliseconds: number): Promise<void>;
  lift(source: string): Promise<void>;
  /** Counters and table sizes. */
  stats(): Promise<SipEngineStats>;
  /** Closes everything. */
  stop(): Promise<void>;
  /** Settles when the thread ends: undefined after `stop`, else the error that ended it. */
  readonly ended: Promise<Error | undefined>;
}

/** Starts the engine. Rejects when an address cannot be bound or the certificates are unusable. `onLog` gets its log, already limited; `onOffences` what may ban a source. */
export async function startSipEngine(
  options: SipEngineOptions,
  onLog: (line: EngineLog) => void = () => {},
  onOffences: (offences: readonly EngineOffence[]) => void = () => {},
): Promise<SipEngine> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: options,
    name: "sip-engine",
    // Messages live for a moment. Left alone the nursery of a busy thread grows to 128 MB.
    resourceLimits: { maxYoungGenerationSizeMb: 12 },
  });
  const pending = new Map<number, { resolve: (result: SipEngineStats | undefined) => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let stopping = false;
  let over = false;
  let failure: Error | undefined;
  const ended = new Promise<Error | undefined>((done) => {
    worker.on("error", (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    worker.on("exit", (code) => {
      const error = stopping ? undefined : (failure ?? new Error(`the SIP engine's thread ended with ${code}`));
      for (const { reject } of pending.values()) reject(error ?? new Error("the SIP engine has stopped"));
      pending.clear();
      over = true;
      done(error);
    });
  });
  const started = await new Promise<Extract<FromWorker, { kind: "started" }>>((resolve, reject) => {
    worker.on("message", (message: FromWorker) => {
      switch (message.kind) {
        case "started":
          resolve(message);
          return;
        case "refused":
          stopping = true;
          reject(new Error(message.error));
          void worker.terminate();
          return;
        case "log":
          onLog(message.line);
          return;
        case "offences":
          onOffences(message.offences);
          return;
        case "done":
          pending.get(message.id)?.resolve(message.result);
          pending.delete(message.id);
          return;
        case "failed":
          pending.get(message.id)?.reject(new Error(message.error));
          pending.delete(message.id);
          return;
      }
    });
    void ended.then((error) => reject(error ?? new Error("the SIP engine has stopped")));
  });
  type Order = ToWorker extends infer T ? (T extends ToWorker ? Omit<T, "id"> : never) : never;
  const ask = (order: Order): Promise<SipEngineStats | undefined> =>
    new Promise((resolve, reject) => {
      if (over) {
        reject(new Error("the SIP engine has stopped"));
        return;
      }
      const id = ++lastId;
      pending.set(id, { resolve, reject });
      worker.postMessage({ ...order, id });
    });
  return {
    drachtioPort: started.drachtioPort,
    listeners: started.listeners,
    reloadTls: async (tls) => {
      await ask({ kind: "tls", tls });
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
    stats: async () => (await ask({ kind: "stats" })) ?? {},
    stop: async () => {
      if (stopping) return;
      stopping = true;
      await Promise.race([ask({ kind: "stop" }).catch(() => {}), ended]);
      await worker.terminate();
      await ended;
    },
    ended,
  };
}
