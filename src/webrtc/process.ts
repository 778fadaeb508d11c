/**
 * The process that ends browsers' WebRTC. It is told what to do over the IPC channel and ends with it: a gateway that is gone leaves no process behind.
 */
import { randomInt } from "node:crypto";
import nodeDataChannel from "node-datachannel";
import { Connection } from "./connection.ts";
import { Detour } from "./ice-tcp.ts";
import { Line } from "./line.ts";
import type { ConnectionState, LineSpec, LineTarget, OfferedLine, Order, ProcessSettings, Report } from "./messages.ts";
import { SuiteLog } from "./suite-log.ts";

interface Session {
  readonly id: string;
  readonly lines: ReadonlyMap<string, Line>;
  connection: Connection | undefined;
  generation: number;
}

const sessions = new Map<string, Session>();
const suites = new SuiteLog();
let settings: ProcessSettings | undefined;
let detour: Promise<Detour | null> = Promise.resolve(null);

const report = (message: Report): void => {
  if (process.connected) process.send!(message);
};

nodeDataChannel.initLogger("Debug", (level, message) => {
  suites.read(message);
  if (level === "Error" || level === "Fatal") report({ type: "log", level: "error", message: message.slice(0, 500) });
});

function handle(order: Order) {
  if (order.type === "settings") {
    settings = order.settings;
    detour = openDetour(order.settings);
    return;
  }
  if (order.type === "stop") return end();
  if (order.type === "open") return void open(order.session, order.lines);
  const session = sessions.get(order.session);
  if (!session) return;
  switch (order.type) {
    case "connect":
      connect(session, order.generation, order.lines).catch((error: unknown) => failed(order, error));
      return;
    case "retarget":
      for (const [mid, target] of Object.entries(order.targets)) aim(session, mid, target);
      return;
    case "answer":
      if (order.generation === session.generation) session.connection?.answer(order.sdp);
      return;
    case "candidate":
      if (order.generation === session.generation) session.connection?.candidate(order.candidate, order.mid);
      return;
    case "close":
      return close(session);
  }
}

async function open(id: string, specs: readonly LineSpec[]) {
  const lines = new Map<string, Line>();
  try {
    await detour;
    for (const { mid } of specs) lines.set(mid, await Line.open(settings!.bridgeAddress));
  } catch (error) {
    for (const line of lines.values()) line.close();
    return report({ type: "failed", session: id, reason: (error as Error).message });
  }
  sessions.set(id, { id, lines, connection: undefined, generation: 0 });
  report({ type: "opened", session: id, ports: Object.fromEntries([...lines].map(([mid, line]) => [mid, line.port])) });
}

/** Rejects with nothing: without a detour browsers that have UDP still come. */
async function openDetour({ detourPort, bindAddress, portRange: { min, max } }: ProcessSettings): Promise<Detour | null> {
  if (detourPort === null) return null;
  const start = randomInt(min, max + 1);
  const anywhere = Array.from({ length: Math.min(64, max - min + 1) }, (_, i) => min + ((start - min + i) % (max - min + 1)));
  return Detour.open(bindAddress, detourPort === 0 ? anywhere : [detourPort]).catch((error: Error) => {
    report({ type: "log", level: "warn", message: `web.ice.port: ${error.message}` });
    return null;
  });
}

async function connect(session: Session, generation: number, offered: readonly OfferedLine[]): Promise<void> {
  const way = await detour;
  if (!sessions.has(session.id)) return;
  session.connection?.close();
  session.generation = generation;
  for (const { mid, target } of offered) aim(session, mid, target);
  // a browser for which the straight way has come to nothing may be coming by TURN over TCP, which spoils the straight way
  const around = settings!.relayed === "always" || (settings!.relayed === "maybe" && generation > 1);
  const about = { session: session.id, generation };
  const began = suites.mark();
  session.connection = new Connection(session.id, offered, session.lines, settings!, way, around, {
    offer: (sdp) => report({ type: "offer", ...about, sdp }),
    candidate: (candidate, mid) => report({ type: "candidate", ...about, candidate, mid }),
    state: (state: ConnectionState) => {
      if (session.generation !== generation) return;
      const path = state === "connected" ? session.connection?.path : undefined;
      const protection = state === "connected" ? { protection: suites.since(began) } : {};
      report({ type: "state", ...about, state, ...protection, ...(path ? { path } : {}) });
    },
  });
}

function aim(session: Session, mid: string, target: LineTarget | null): void {
  const line = session.lines.get(mid);
  if (line) line.target = target;
}

function close(session: Session): void {
  sessions.delete(session.id);
  session.connection?.close();
  for (const line of session.lines.values()) line.close();
}

function end(): void {
  for (const session of [...sessions.values()]) close(session);
  // gives DTLS the time to say goodbye; the library's own threads may not end by themselves
  setTimeout(() => process.kill(process.pid, "SIGKILL"), 200);
}

/** What could not be done costs the browser's call, unless it was a candidate: others may do. */
function failed(order: Order, error: unknown): void {
  const reason = `${order.type}: ${error instanceof Error ? error.message : String(error)}`;
  report({ type: "log", level: "warn", message: reason });
  if ("session" in order && order.type !== "candidate") report({ type: "failed", session: order.session, reason });
}

process.on("message", (order: Order) => {
  try {
    handle(order);
  } catch (error) {
    failed(order, error);
  }
});
process.on("disconnect", end);
// the gateway decides when calls end, also after Ctrl+C in its terminal
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
