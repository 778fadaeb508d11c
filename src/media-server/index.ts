import { Worker } from "node:worker_threads";
import type { Addresses, ServerStats } from "./control/server.ts";
import type { FromControl, ToControl } from "./control/messages.ts";
import { chooseUdp, planUdp, reclaimUdp } from "../udp/index.ts";
import { type ControlData, type MediaServerOptions, settingsOf } from "./options.ts";

export type { ServerStats } from "./control/server.ts";
export type { LogRecord, MediaServerOptions } from "./options.ts";

/** A running media server. */
export interface MediaServer {
  /** Event socket port. */
  readonly eslPort: number;
  /** SIP port, UDP and TCP. */
  readonly sipPort: number;
  /** SIP over TLS, where asked for. */
  readonly tlsPort: number | undefined;
  stats(): Promise<ServerStats>;
  /** Hangs up every call and stops. */
  stop(): Promise<void>;
  /** Resolves when the server has stopped; with a reason when nobody asked it to. */
  readonly stopped: Promise<string | undefined>;
}

/**
 * Starts the embedded media server: FreeSWITCH's event socket and SIP profile as far as drachtio-fsmrf uses them. Everything runs in threads of its own.
 * Rejects when a listener cannot be opened, throws RangeError for options that make no sense.
 */
export async function startMediaServer(options: MediaServerOptions): Promise<MediaServer> {
  const settings = settingsOf(options, process.cwd());
  const { kind, reason } = chooseUdp(options.sockets);
  options.log?.({ level: "info", message: "the media server's sockets", fields: { sockets: kind, ...(reason ? { reason } : {}) } });
  const udp = Array.from({ length: settings.workers }, () => planUdp(kind));
  const worker = new Worker(new URL("./control/worker.ts", import.meta.url), {
    workerData: { ...settings, udp } satisfies ControlData,
    name: "media-control",
    resourceLimits: { maxYoungGenerationSizeMb: 6 },
  });
  const opening = Promise.withResolvers<Addresses>();
  const stopped = Promise.withResolvers<string | undefined>();
  const requests = new Map<number, (stats: ServerStats) => void>();
  let nextRequest = 1;
  let closing = false;
  let trouble: string | undefined;
  worker.on("message", (message: FromControl) => {
    if (message.t === "open") opening.resolve(message.addresses);
    else if (message.t === "failed") {
      opening.reject(new Error(`the media server cannot start: ${message.message}`));
      void worker.terminate();
    } else if (message.t === "log") options.log?.(message.record);
    else if (message.t === "closed") void worker.terminate();
    else {
      requests.get(message.req)?.(message.stats);
      requests.delete(message.req);
    }
  });
  worker.on("error", (error) => {
    trouble = error instanceof Error ? (error.stack ?? error.message) : String(error);
    opening.reject(error);
  });
  worker.on("exit", (code) => {
    // The media threads ended with it.
    for (const plan of udp) reclaimUdp(plan);
    opening.reject(new Error(trouble ?? `the media server's thread ended with ${code}`));
    stopped.resolve(closing ? undefined : (trouble ?? `exit code ${code}`));
  });
  const addresses = await opening.promise;
  return {
    eslPort: addresses.eslPort,
    sipPort: addresses.sipPort,
    tlsPort: addresses.tlsPort,
    stats: () => {
      const req = nextRequest++;
      return new Promise((resolve, reject) => {
        requests.set(req, resolve);
        void stopped.promise.then(() => reject(new Error("the media server has stopped")));
        worker.postMessage({ t: "stats", req } satisfies ToControl);
      });
    },
    stop: async () => {
      closing = true;
      worker.postMessage({ t: "close" } satisfies ToControl);
      await stopped.promise;
    },
    stopped: stopped.promise,
  };
}
