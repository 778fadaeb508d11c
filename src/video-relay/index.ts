import { performance } from "node:perf_hooks";
import { startThread } from "../threads/start-thread.ts";
import { chooseUdp, planUdp, reclaimUdp } from "../udp/index.ts";
import type { RelayFigures, VideoRelay } from "../video/index.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { settingsOf, type VideoRelayOptions } from "./options.ts";
import { Relay } from "./relay.ts";
import type { VideoWorkerData } from "./worker.ts";

export type { VideoRelayOptions } from "./options.ts";

export interface RunningVideoRelay extends VideoRelay {
  /** What it has done, and how its threads are. Cheap. */
  figures(): RelayFigures;
}

/** Small, so that received datagrams are freed soon: the heap hardly knows them, and grows by ten megabytes a second of them otherwise. */
const YOUNG_GENERATION_MB = 4;

/** Starts the video relay, in threads of its own. Throws RangeError for options that make no sense. */
export async function startVideoRelay(options: VideoRelayOptions): Promise<RunningVideoRelay> {
  const settings = settingsOf(options);
  const { kind, reason } = chooseUdp(settings.sockets);
  settings.log({ level: "info", message: "the video relay's sockets", fields: { sockets: kind, ...(reason ? { reason } : {}) } });
  return new Relay(
    settings,
    (index, onMessage, onExit) => {
      const udp = planUdp(kind);
      const data: VideoWorkerData = {
        udp,
        rtp: settings.rtp,
        // Apart from the media server's threads, which begin at the front of what may be the same range.
        portStart: 0.5 + index / (2 * settings.workers),
        speaker: settings.speaker,
      };
      return startThread<ToWorker, FromWorker>(
        new URL("./worker.ts", import.meta.url),
        { workerData: data, name: `video-${index}`, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB } },
        onMessage,
        (reason) => {
          reclaimUdp(udp);
          onExit(reason);
        },
      );
    },
    () => performance.now(),
  );
}
