import { hostname } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import { startThread } from "../../threads/start-thread.ts";
import { reclaimUdp } from "../../udp/index.ts";
import type { MediaWorkerData } from "../media/worker.ts";
import type { FromMedia, ToMedia } from "../messages.ts";
import type { ControlData } from "../options.ts";
import { Core } from "./core.ts";
import { MediaPool } from "./media/media-pool.ts";
import type { FromControl, ToControl } from "./messages.ts";
import { ControlServer } from "./server.ts";

const YOUNG_MB = 6;

const settings = workerData as ControlData;
const port = parentPort;
if (!port) throw new Error("this file is a worker");
const say = (message: FromControl): void => port.postMessage(message);

const core = new Core({
  hostname: hostname(),
  address: settings.advertise,
  clock: systemClock,
  log: (level, message, fields) => say({ t: "log", record: { level, message, fields } }),
});

const pool = new MediaPool(
  settings.workers,
  (index, onMessage, onExit) => {
    const udp = settings.udp[index]!;
    return startThread<ToMedia, FromMedia>(
      new URL("../media/worker.ts", import.meta.url),
      {
        workerData: {
          rtp: settings.rtp,
          portStart: index / settings.workers,
          rtpTimeoutMs: settings.rtpTimeoutMs,
          udp,
        } satisfies MediaWorkerData,
        name: `media-${index}`,
        // Packets live for a moment: a small nursery is swept more often and holds less garbage, which is most of what a call would weigh.
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      },
      onMessage,
      (reason) => {
        reclaimUdp(udp);
        onExit(reason);
      },
    );
  },
  () => systemClock.now(),
  (level, message, fields) => core.log(level, message, fields),
);

const server = new ControlServer(core, pool, settings);

port.on("message", (message: ToControl) => {
  if (message.t === "stats") {
    void server.stats().then((stats) => say({ t: "stats", req: message.req, stats }));
    return;
  }
  void server
    .close()
    .then(() => pool.close())
    .finally(() => {
      say({ t: "closed" });
      port.close();
    });
});

server.open().then(
  (addresses) => say({ t: "open", addresses }),
  (error: unknown) => {
    void pool.close().finally(() => say({ t: "failed", message: error instanceof Error ? error.message : String(error) }));
  },
);
