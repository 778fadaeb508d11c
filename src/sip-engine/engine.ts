/** The engine on real sockets, in the thread it is called in. `index.ts` runs it in a worker. */

import { systemClock } from "../base/clock.ts";
import { SipDriver } from "../io/sip/driver.ts";
import type { ListenSpec, TransportLimits } from "../io/sip/transports.ts";
import type { TlsSettings } from "../io/tls.ts";
import { standardTimers } from "../sip/timers.ts";
import type { Challenge } from "../security/acme/challenges.ts";
import type { AccessLists } from "../security/access.ts";
import type { Listener } from "../sip/types.ts";
import { NO_TRACE, type TracedMessage, type TraceWish } from "../trace/index.ts";
import { EngineTap } from "./tap.ts";
import { EngineAccess, type EngineOffence } from "./access.ts";
import { EngineCore } from "./core.ts";
import { listenForApps } from "./server.ts";
import type { EngineOptions } from "./state.ts";

/** How the engine is to be run. Everything can be copied to another thread. */
export interface SipEngineOptions {
  /** Where applications connect, and what they must know. Port 0 for any free one. */
  readonly drachtio: { readonly host: string; readonly port: number; readonly secret: string };
  readonly listeners: readonly ListenSpec[];
  readonly tls?: TlsSettings | undefined;
  readonly limits?: Partial<TransportLimits> | undefined;
  /** URI of a proxy that all requests outside dialogs go through. */
  readonly outboundProxy?: string | undefined;
  /** How long the calls of an application that is gone are kept, in ms; default 10 s. */
  readonly orphanGrace?: number | undefined;
  /**
   * An INVITE is answered 100 after this long without an answer, in ms; default 0, at once, as drachtio-server does. RFC 3261 section 17.2.1 allows
   * 200, within which an application can have a scanner answered with nothing at all.
   */
  readonly tryingMs?: number | undefined;
  /**
   * Requests outside dialogs, other than INVITE, that one address may send a second, and twice as many at once; more get no answer. No limit by default. Calls are the
   * application's to count.
   */
  readonly requestsPerSource?: number | undefined;
  /** Option tags that the application knows, in lower case: see `supportedExtensions` of EngineOptions. */
  readonly supportedExtensions?: readonly string[] | undefined;
  /** Whom the engine listens to; everybody by default. */
  readonly access?: AccessLists | undefined;
  /** Which messages are told of; none by default. */
  readonly trace?: TraceWish | undefined;
}

/** What a source did that may ban it. */
export type { EngineOffence } from "./access.ts";

/** Figures for metrics and for tests that nothing leaks. */
export type SipEngineStats = Readonly<Record<string, number>>;

/** A log line of the engine. */
export interface EngineLog {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly what: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface RunningEngine {
  readonly drachtioPort: number;
  readonly listeners: readonly Listener[];
  /** Takes new certificates without touching calls. Throws when they do not fit together. */
  reloadTls(tls: TlsSettings): void;
  /** The challenges that TLS listeners answer beside their peers. */
  setChallenges(challenges: readonly Challenge[]): void;
  /** Other lists from now on; connections that they do not admit are closed. */
  setAccess(lists: AccessLists): void;
  /** Nothing of that source, as `sourceOf` names it, is read for so many ms; its connections are closed. */
  ban(source: string, milliseconds: number): void;
  lift(source: string): void;
  /** Which messages are told of from now on. */
  trace(wish: TraceWish): void;
  /** A trunk has been recognised from that source: it is no stranger. */
  recognised(source: string): void;
  stats(): SipEngineStats;
  stop(): Promise<void>;
}

/** The same thing said again within this time is counted, not logged. */
const LOG_EVERY = 10_000;

/** Opens the sockets and runs. Rejects when an address cannot be bound. */
export async function runEngine(
  options: SipEngineOptions,
  log: (line: EngineLog) => void,
  onOffences: (offences: readonly EngineOffence[]) => void = () => {},
  onTraced: (messages: readonly TracedMessage[]) => void = () => {},
): Promise<RunningEngine> {
  const limited = limitedLog(log);
  const engineOptions: EngineOptions = {
    secret: options.drachtio.secret,
    outboundProxy: options.outboundProxy,
    orphanGrace: options.orphanGrace,
    requestsPerSource: options.requestsPerSource,
    supportedExtensions: options.supportedExtensions === undefined ? undefined : new Set(options.supportedExtensions),
    log: (level, what, fields) => limited({ level, what, fields: fields ?? {} }),
    onMalformed: (source) => access.malformed(source),
    admitsCall: (source, now) => access.admitsCall(source, now),
    waits: (source) => access.waits(source),
  };
  const access = new EngineAccess(options.access, systemClock, onOffences);
  const fault = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    limited({ level: "error", what: "fault in the SIP engine", fields: { error: text.slice(0, 2000) } });
  };
  const core = new EngineCore(engineOptions, systemClock, { ...standardTimers, trying: options.tryingMs ?? 0 });
  const driver = new SipDriver({
    layer: core.layer,
    tls: options.tls,
    limits: options.limits,
    onConnectionClosed: (closed, now) => core.connectionClosed(closed.connection, now),
    onError: fault,
    admits: (address, port) => access.admits(address, port),
    isTrunk: (address) => access.isTrunk(address),
    onVerified: (address) => access.verified(address),
    onBroken: (_why, source) => {
      tap.broken(source);
      access.malformed(source);
    },
    onNoHandshake: (from) => access.malformed(from),
    onNotice: (what, source) => limited({ level: "info", what, fields: { address: source.address, port: source.port } }),
  });
  const tap = new EngineTap(onTraced);
  const trace = (wish: TraceWish): void => {
    driver.tap = tap.follow(wish);
  };
  trace(options.trace ?? NO_TRACE);
  const listeners: Listener[] = [];
  try {
    for (const spec of options.listeners) listeners.push(await driver.listen(spec));
    const apps = await listenForApps(
      options.drachtio,
      (connection) => core.connect(connection),
      () => driver.now(),
      fault,
    );
    return {
      drachtioPort: apps.port,
      listeners,
      reloadTls: (tls) => driver.transports.reloadTls(tls),
      setChallenges: (challenges) => driver.transports.challenges.replace(challenges),
      setAccess: (lists) => {
        access.replace(lists);
        driver.transports.closeNotAdmitted();
      },
      ban: (source, milliseconds) => {
        access.ban(source, milliseconds);
        driver.transports.closeNotAdmitted();
      },
      lift: (source) => access.lift(source),
      trace,
      recognised: (source) => access.recognised(source),
      stats: () => ({
        ...core.layer.stats,
        ...core.stats,
        ...core.dump(),
        connections: driver.transports.connectionCount,
        halfOpen: driver.transports.halfOpenCount,
        notAdmitted: access.refused,
      }),
      stop: async () => {
        access.close();
        await apps.close();
        await driver.close();
      },
    };
  } catch (error) {
    access.close();
    await driver.close();
    throw error;
  }
}

/** Says a thing once, then how often it was said when it is said again later. */
function limitedLog(log: (line: EngineLog) => void): (line: EngineLog) => void {
  const seen = new Map<string, { until: number; missed: number }>();
  return (line) => {
    const key = line.what.replace(/\d+/g, "");
    const now = systemClock.now();
    const known = seen.get(key);
    if (known !== undefined && known.until > now) {
      known.missed++;
      return;
    }
    if (seen.size > 500) seen.clear();
    seen.set(key, { until: now + LOG_EVERY, missed: 0 });
    log(known === undefined || known.missed === 0 ? line : { ...line, fields: { ...line.fields, repeated: known.missed } });
  };
}
