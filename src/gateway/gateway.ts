import { tmpdir } from "node:os";
import type { GatewayEvent } from "../admin/ports.ts";
import { systemClock } from "../base/clock.ts";
import { FsmrfPort } from "../media-client/media-client.ts";
import { rehearse } from "../media-client/warm-up.ts";
import { createSrf, type Srf } from "../legs/sip/drachtio.ts";
import { setKnownNumbers } from "../base/known-numbers.ts";
import { MemoryDirectory } from "../meetings/directory.ts";
import { defaultMeeting, type Meeting } from "../meetings/model.ts";
import { PinLockout } from "../meetings/pin-lockout.ts";
import { ConferenceSfu } from "../sfu/conference/conference.ts";
import { Defence } from "../security/defence.ts";
import type { Sfu } from "../sfu/port.ts";
import { TrunkLimits } from "../trunks/limits.ts";
import { TrunkRecognition, type TrunkSetup } from "../trunks/recognition.ts";
import { Registrar } from "../trunks/registrar.ts";
import { CallAdmission } from "./call/admission.ts";
import type { Call } from "./call/call.ts";
import { Cameras } from "./meeting/far-end-camera.ts";
import { Presenting } from "./meeting/presenter.ts";
import { Inbound } from "./sip/incoming.ts";
import { Outbound } from "./sip/outgoing.ts";
import { Reception } from "./call/answer.ts";
import { Replacements } from "./sip/replacements.ts";
import { Transfers } from "./sip/transfers.ts";
import { CallRegistry } from "./call/call-registry.ts";
import { type GatewayContext, NO_METRICS } from "./context.ts";
import { OutgoingCalls } from "./outgoing-call.ts";
import { IncomingCalls } from "./incoming-call.ts";
import { Control } from "./admin-control.ts";
import { compareTrunks, defineMeeting } from "./meeting/define-meeting.ts";
import { H323Gateway } from "./h323/incoming.ts";
import { LiveMeetings } from "./meeting/active-meetings.ts";
import type { EngineAddress, Gateway, GatewayConfig, GatewayOptions, ReloadReport, TlsMaterial } from "./options.ts";
import { LoadMeter } from "./overload.ts";
import { RefusalSampler } from "./call/refusal-sampler.ts";
import { pictureLines } from "./call/video-stats.ts";
import { TrunkProbe } from "./sip/options-ping.ts";
import { Registrations } from "./sip/trunk-registrations.ts";
import { WebGateway } from "./web/browser-calls.ts";

/** The SIP engine is given this long to let us in at start. */
const SIP_CONNECT_MS = 5_000;
const GAUGES_MS = 5_000;
/** How often it is looked whether there are refusals to sum up. */
const SUMMARIES_MS = 5_000;
/** Figures of calls that are up are asked for this often, a few calls at a time. */
const MEASURE_MS = 10_000;

/** Composes the gateway on its two engines, which must be running. Rejects when one of them does not let it in. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, logger: log, records, freeswitch } = options;
  const clock = options.clock ?? systemClock;
  const srf = createSrf();
  const media = new FsmrfPort(
    srf,
    {
      address: freeswitch.host,
      port: freeswitch.port,
      secret: freeswitch.secret,
      listenAddress: freeswitch.listenAddress ?? "127.0.0.1",
      ...(freeswitch.advertisedAddress === undefined ? {} : { advertisedAddress: freeswitch.advertisedAddress }),
      ...(freeswitch.advertisedPort === undefined ? {} : { advertisedPort: freeswitch.advertisedPort }),
      ...(freeswitch.profile === undefined ? {} : { profile: freeswitch.profile }),
      ...(freeswitch.callSecret === undefined ? {} : { callSecret: freeswitch.callSecret }),
    },
    (level, event, fields) => log[level]({ event, ...fields }, "media server"),
  );
  const listeners = new Set<(event: GatewayEvent) => void>();
  const video = options.video ?? null;
  const sfu: Sfu = options.sfu?.(media, video) ?? new ConferenceSfu(media, video);
  const registrar = new Registrar();
  const registrations = new Registrations();
  const load = new LoadMeter();
  const context: GatewayContext = {
    config,
    log,
    clock,
    srf,
    media,
    sfu,
    presenting: new Presenting(sfu),
    cameras: new Cameras(),
    video,
    directory: new MemoryDirectory(),
    lockout: new PinLockout(),
    recognition: new TrunkRecognition({ trunks: [], defaultTrunk: null }, undefined, {
      registered: (trunk, flow, now) => registrar.owns(trunk, flow, now),
      fromRegistrar: (trunk, address) => registrations.fromRegistrar(trunk, address),
    }),
    peerStamps: (options.sipEngine ?? "embedded") === "embedded",
    limits: new TrunkLimits(),
    refusals: new RefusalSampler(clock),
    admission: new CallAdmission(() => context, load),
    registrar,
    registrations,
    records,
    metrics: options.metrics ?? NO_METRICS,
    defence: options.defence ?? new Defence({ clock, log }),
    promptsRoot: options.promptsRoot,
    namesFolder: options.freeswitch.names ?? tmpdir(),
    calls: new Map(),
    draining: false,
    emit: (event) => {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          log.error({ event: "listener-failed", err: error }, "a listener of the gateway's events failed");
        }
      }
    },
  };
  context.recognition.replace(trunkSetup(config));
  context.directory.replaceConfiguration(await meetingsOf(config, context));
  setKnownNumbers((plain) => context.directory.reached(plain));

  const meetings = new LiveMeetings(context);
  const reception = new Reception(context, meetings);
  const registry = new CallRegistry(context);
  const calls = new IncomingCalls({ context, reception, registry });
  const outgoing = new OutgoingCalls({ context, reception, registry });
  const replacements = new Replacements(context, reception, meetings);
  const outbound = new Outbound({ context, calls: outgoing, registry, replacements });
  const inbound = new Inbound({
    context,
    calls,
    transfers: new Transfers(context, meetings, outbound),
    replacements,
  });
  const probe = new TrunkProbe(context);
  const h323 = new H323Gateway({ context, calls, outgoing });
  outbound.h323 = h323;
  const web = options.web && new WebGateway(context, { calls, reception }, meetings, options.web);
  if (web) listeners.add((event) => web.told(event));
  const sip = connectSip(srf, options.drachtio, context, inbound);
  media.on("connected", () => {
    context.metrics.engine("media", true);
    log.info({ event: "media-server-connected", address: `${freeswitch.host}:${freeswitch.port}` }, "the media server is connected");
  });
  media.on("lost", (reason) => {
    context.metrics.engine("media", false);
    log.error(
      { event: "media-server-lost", reason, calls: context.calls.size },
      "the media server is lost: its calls are ended, new ones refused until it is back",
    );
  });
  try {
    await Promise.all([sip.ready, media.connect()]);
    if (options.h323) await h323.listen(options.h323, options.version);
  } catch (error) {
    load.stop();
    await h323.close();
    srf.disconnect();
    await media.close();
    throw error;
  }
  probe.start();
  registrations.start(context);
  if (options.rehearse === true) {
    rehearse(media, () => media.connected && context.calls.size === 0 && !context.draining).then(
      ({ sessions, lastMs }) =>
        log.debug({ event: "rehearsed", sessions, lastMs: Math.round(lastMs) }, "the way of a call has been rehearsed"),
      (error: unknown) => log.warn({ event: "rehearsal-failed", error: String(error) }, "the media server opens no session"),
    );
  }

  const setGauges = () =>
    context.metrics.gauges({
      calls: context.calls.size,
      participants: meetings.joinedCount(),
      meetings: context.directory.list().length,
      pictures: pictureLines(context.calls.values()),
    });
  // a scrape right after the start is not to find zeros
  setGauges();
  const gauges = setInterval(setGauges, GAUGES_MS);
  const measuring = measureInTurn(context);
  const summing = setInterval(() => registry.keepSummaries(), SUMMARIES_MS).unref();
  context.defence.onShed = (address, { count }) => context.refusals.shed(address, count);
  const control = new Control({
    context,
    meetings,
    outbound,
    probe,
    h323,
    version: options.version,
    sipConnected: sip.connected,
    listeners,
  });

  const allGone = () =>
    new Promise<void>((resolve) => {
      const check = () => (context.calls.size === 0 ? resolve() : undefined);
      listeners.add((event) => {
        if (event.type === "call-ended") check();
      });
      check();
    });

  return Object.assign(control, {
    ...(web ? { pages: web } : {}),
    reload: async (next: GatewayConfig): Promise<ReloadReport> => {
      const definitions = await meetingsOf(next, context);
      const trunks = compareTrunks(context.config.trunks, next.trunks);
      context.recognition.replace(trunkSetup(next));
      const { added, changed, removed } = context.directory.replaceConfiguration(definitions);
      context.config = next;
      for (const id of changed) {
        context.lockout.clear(id);
        const meeting = context.directory.get(id);
        if (meeting) meetings.update(meeting);
      }
      for (const id of removed) context.emit({ type: "meeting-deleted", meetingId: id });
      for (const id of added) context.emit({ type: "meeting", meeting: control.meeting(id)! });
      probe.start();
      registrar.keep(new Set(next.trunks.filter(({ identity }) => identity.registration).map(({ name }) => name)));
      registrations.start(context);
      h323
        .reload()
        .catch((error: unknown) => log.error({ event: "h323-reload-failed", err: error }, "H.323 does not register as it should now"));
      const report = { meetings: { added: added.length, changed: changed.length, removed: removed.length }, trunks };
      log.info({ event: "reloaded", ...report }, "the configuration was reloaded");
      return report;
    },
    reloadTls: (material: TlsMaterial): void => h323.reloadTls(material),
    drain: async (on = true): Promise<void> => {
      context.draining = on;
      log.info(
        { event: on ? "draining" : "draining-ended", calls: context.calls.size },
        on ? "new calls are refused from now on" : "new calls are taken again",
      );
      if (on) await allGone();
    },
    stop: async ({ graceMs = 3_000 } = {}): Promise<void> => {
      context.draining = true;
      clearInterval(gauges);
      clearInterval(measuring);
      clearInterval(summing);
      probe.stop();
      load.stop();
      const told = [...context.calls.values()].map((call) => call.end("completed", "the gateway is being stopped", { cause: 41 }));
      await Promise.race([Promise.allSettled(told), new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
      sfu.close?.();
      await registrations.stop();
      sip.stop();
      await h323.close();
      await media.close();
      srf.disconnect();
      registry.keepSummaries(true);
      log.info({ event: "stopped", calls: told.length }, "the gateway has stopped");
    },
  });
}

function trunkSetup({ trunks, defaultTrunk, roots, commonRoots }: GatewayConfig): TrunkSetup {
  return { trunks, defaultTrunk, ...(roots ? { roots } : {}), ...(commonRoots ? { commonRoots } : {}) };
}

function meetingsOf(config: GatewayConfig, context: GatewayContext): Promise<Meeting[]> {
  return Promise.all(
    config.meetings.map((definition) => {
      const before = context.directory.get(definition.id);
      // only a PIN's hash is taken over from before: what the file does not say any more is as if it had never said it
      return defineMeeting(
        { guestPin: null, hostPin: null, ...definition },
        before && { ...defaultMeeting(before.id, config.language), guestPin: before.guestPin, hostPin: before.hostPin },
        config.language,
      );
    }),
  );
}

/** The connection to the SIP engine, which srf mends itself. Calls that were up when it broke are dead: nobody can speak for them any more. */
function connectSip(srf: Srf, address: EngineAddress, context: GatewayContext, inbound: Inbound) {
  let connected = false;
  let stopping = false;
  const { log, metrics } = context;
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the SIP engine at ${address.host}:${address.port} does not answer`)), SIP_CONNECT_MS);
    srf.on("connect", (error, hostports) => {
      clearTimeout(timer);
      if (error) {
        log.error({ event: "sip-engine-refused", err: error }, "the SIP engine refuses the secret");
        return reject(error);
      }
      connected = true;
      metrics.engine("sip", true);
      log.info({ event: "sip-engine-connected", address: `${address.host}:${address.port}`, hostports }, "the SIP engine is connected");
      resolve();
    });
  });
  const lost = () => {
    if (!connected || stopping) return;
    connected = false;
    metrics.engine("sip", false);
    log.error({ event: "sip-engine-lost", calls: context.calls.size }, "the SIP engine is lost: its calls are over");
    for (const call of context.calls.values()) void call.end("signalling-lost", "the SIP engine is lost", { by: "gateway" });
  };
  srf.on("close", lost);
  srf.on("reconnecting", lost);
  srf.on("error", (error) => {
    if (!connected && !stopping) log.debug({ event: "sip-engine-retry", error: error.message }, "the SIP engine is not there");
    lost();
  });
  inbound.route();
  srf.connect({ host: address.host, port: address.port, secret: address.secret });
  return {
    ready,
    connected: () => connected,
    stop: () => {
      stopping = true;
    },
  };
}

/** Asks the media server about a tenth of the calls each second, so that figures are at most ten seconds old, and about calls it has not told of yet. */
function measureInTurn(context: GatewayContext): NodeJS.Timeout {
  let turn = 0;
  const slices = 10;
  return setInterval(() => {
    turn = (turn + 1) % slices;
    let index = 0;
    for (const call of context.calls.values()) if (index++ % slices === turn || call.audio === null) void tellFigures(context, call);
  }, MEASURE_MS / slices).unref();
}

async function tellFigures(context: GatewayContext, call: Call): Promise<void> {
  if (!call.media || call.over) return;
  await call.measure();
  if (!call.over) context.emit({ type: "call", call: call.view() });
}
