import type { Addresses, ServerStats } from "./control/server.ts";
import type { FromControl, ToControl } from "./control/messages.ts";
import { PendingRequests } from "../threads/pending-requests.ts";
import { startThread } from "../threads/start-thread.ts";
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
  const opening = Promise.withResolvers<Addresses>();
  const stopped = Promise.withResolvers<string | undefined>();
  const requests = new PendingRequests<ServerStats>();
  let closing = false;
  const onMessage = (message: FromControl): void => {
    if (message.t === "open") opening.resolve(message.addresses);
    else if (message.t === "failed") {
      opening.reject(new Error(`the media server cannot start: ${message.message}`));
      void thread.terminate();
    } else if (message.t === "log") options.log?.(message.record);
    else if (message.t === "closed") void thread.terminate();
    else requests.resolve(message.req, message.stats);
  };
  const thread = startThread<ToControl, FromControl>(
    new URL("./control/worker.ts", import.meta.url),
    { workerData: { ...settings, udp } satisfies ControlData, name: "media-control", resourceLimits: { maxYoungGenerationSizeMb: 6 } },
    onMessage,
    (reason) => {
      // The media threads ended with it.
      for (const plan of udp) reclaimUdp(plan);
      opening.reject(new Error(`the media server's thread ended: ${reason}`));
      requests.rejectAll(new Error("the media server has stopped"));
      stopped.resolve(closing ? undefined : reason);
    },
  );
  const addresses = await opening.promise;
  return {
    eslPort: addresses.eslPort,
    sipPort: addresses.sipPort,
    tlsPort: addresses.tlsPort,
    stats: () => requests.open((req) => thread.post({ t: "stats", req })),
    stop: async () => {
      closing = true;
      thread.post({ t: "close" });
      await stopped.promise;
    },
    stopped: stopped.promise,
  };
}
