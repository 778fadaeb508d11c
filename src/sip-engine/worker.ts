/** The engine's thread: runs it and answers its owner's messages. */
import { parentPort, workerData } from "node:worker_threads";
import { type RunningEngine, runEngine, type SipEngineOptions } from "./engine.ts";
import type { FromWorker, ToWorker } from "./thread-messages.ts";

const port = parentPort;
if (port === null) throw new Error("runs in a worker only");
const tell = (message: FromWorker): void => port.postMessage(message);

let running: RunningEngine | undefined;
port.on("message", (message: ToWorker) => {
  void handle(message).then(
    (result) => tell({ kind: "done", id: message.id, result }),
    (error: unknown) => tell({ kind: "failed", id: message.id, error: error instanceof Error ? error.message : String(error) }),
  );
});

async function handle(message: ToWorker): Promise<Readonly<Record<string, number>> | undefined> {
  if (running === undefined) throw new Error("the engine does not run");
  switch (message.kind) {
    case "tls":
      running.reloadTls(message.tls);
      return undefined;
    case "challenges":
      running.setChallenges(message.challenges);
      return undefined;
    case "access":
      running.setAccess(message.lists);
      return undefined;
    case "ban":
      running.ban(message.source, message.milliseconds);
      return undefined;
    case "lift":
      running.lift(message.source);
      return undefined;
    case "trace":
      running.trace(message.wish);
      return undefined;
    case "recognised":
      running.recognised(message.source);
      return undefined;
    case "stats":
      return running.stats();
    case "stop":
      await running.stop();
      return undefined;
  }
}

runEngine(
  workerData as SipEngineOptions,
  (line) => tell({ kind: "log", line }),
  (offences) => tell({ kind: "offences", offences }),
  (messages) => tell({ kind: "traced", messages }),
).then(
  (engine) => {
    running = engine;
    tell({ kind: "started", drachtioPort: engine.drachtioPort, listeners: engine.listeners });
  },
  (error: unknown) => tell({ kind: "refused", error: error instanceof Error ? error.message : String(error) }),
);
