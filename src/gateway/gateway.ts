import { tmpdir } from "node:os";
import { systemClock } from "../base/clock.ts";
import { setKnownNumbers } from "../base/known-numbers.ts";
import { traceSrf } from "../legs/sip/srf-trace.ts";
import { createSrf } from "../legs/sip/drachtio.ts";
import { MemoryDirectory } from "../meetings/directory.ts";
import { PinLockout } from "../meetings/pin-lockout.ts";
import { Defence } from "../security/defence.ts";
import { ConferenceSfu } from "../sfu/conference/conference.ts";
import type { Sfu } from "../sfu/port.ts";
import { CallTraces } from "../trace/index.ts";
import { accessNumbersOf } from "../trunks/access-numbers.ts";
import { TrunkLimits } from "../trunks/limits.ts";
import { TrunkRecognition } from "../trunks/recognition.ts";
import { Registrar } from "../trunks/registrar.ts";
import { Control } from "./admin-control.ts";
import { CallAdmission } from "./call/admission.ts";
import { Reception } from "./call/answer.ts";
import type { Call } from "./call/call.ts";
import { CallRegistry } from "./call/call-registry.ts";
import { RefusalSampler } from "./call/refusal-sampler.ts";
import { CallLines } from "./call/video-streams.ts";
import { GatewayEvents } from "./events.ts";
import { Figures } from "./figures.ts";
import { H323Gateway } from "./h323/incoming.ts";
import { IncomingCalls } from "./incoming-call.ts";
import { mediaServerAt, warmUp, watchMediaServer } from "./media-connection.ts";
import { LiveMeetings } from "./meeting/active-meetings.ts";
import { configuredMeetings } from "./meeting/define-meeting.ts";
import { Cameras } from "./meeting/far-end-camera.ts";
import { Presenting } from "./meeting/presenter.ts";
import { type Gateway, type GatewayConfig, type GatewayOptions, NO_METRICS, type ReloadReport, type TlsMaterial } from "./options.ts";
import { OutgoingCalls } from "./outgoing-call.ts";
import { LoadMeter } from "./overload.ts";
import { reload, trunkSetup } from "./reload.ts";
import { EngineConnection } from "./sip/engine-connection.ts";
import { Inbound } from "./sip/incoming.ts";
import { TrunkProbe } from "./sip/options-ping.ts";
import { Outbound } from "./sip/outgoing.ts";
import { Replacements } from "./sip/replacements.ts";
import { Transfers } from "./sip/transfers.ts";
import { Registrations } from "./sip/trunk-registrations.ts";
import { WebGateway } from "./web/browser-calls.ts";

/** Composes the gateway on its two engines, which must be running. Rejects when one of them does not let it in. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { config, logger: log, records, promptsRoot, version } = options;
  const { clock = systemClock, metrics = NO_METRICS, video = null, defence = new Defence({ clock, log }) } = options;
  const traces = options.traces ?? new CallTraces({ level: "off", trunks: new Map(), keepMinutes: 0 });
  const namesFolder = options.freeswitch.names ?? tmpdir();
  const peerStamps = (options.sipEngine ?? "embedded") === "embedded";

  // what is shared: the configuration in force, the calls that are up, who hears of them
  const settings = { config, draining: false };
  const calls = new Map<string, Call>();
  const events = new GatewayEvents(log);
  const { emit, listeners } = events;

  // the engines
  const srf = createSrf();
  const media = mediaServerAt(options.freeswitch, srf, log, traces);
  const sfu: Sfu = options.sfu?.(media, video) ?? new ConferenceSfu(media, video);
  const engine = new EngineConnection({ srf, address: options.drachtio, log, metrics, calls });
  watchMediaServer({ media, address: options.freeswitch, log, metrics, calls });

  // who may call, and how much
  const registrar = new Registrar();
  const registrations = new Registrations({ settings, log, clock, srf, peerStamps });
  const recognition = new TrunkRecognition({ trunks: [], defaultTrunk: null }, undefined, {
    registered: (trunk, flow, now) => registrar.owns(trunk, flow, now),
    fromRegistrar: (trunk, address) => registrations.fromRegistrar(trunk, address),
  });
  recognition.replace(trunkSetup(config));
  const limits = new TrunkLimits();
  const refusals = new RefusalSampler(clock);
  defence.onShed = (address, { count }) => refusals.shed(address, count);
  const load = new LoadMeter();
  const admission = new CallAdmission({ settings, calls, clock, load });

  // the meetings
  const directory = new MemoryDirectory();
  directory.replaceConfiguration(await configuredMeetings(config, directory));
  setKnownNumbers((plain) => directory.reached(plain) ?? (accessNumbersOf(settings.config).leads(plain) ? "pin" : undefined));
  const lockout = new PinLockout();
  const presenting = new Presenting(sfu);
  const meetings = new LiveMeetings({ calls, directory, media, sfu, presenting, clock, metrics, promptsRoot, emit });

  // the one way in and the one way out
  const callLines = new CallLines({ settings, clock, video, presenting, cameras: new Cameras() });
  const registry = new CallRegistry({ settings, log, metrics, limits, refusals, records, calls, emit });
  const pins = { lockout, directory, defence };
  const reception = new Reception({ ...pins, settings, log, clock, media, metrics, promptsRoot, namesFolder, meetings, callLines });
  const intake = { recognition, admission, limits, refusals, reception, registry };
  const incoming = new IncomingCalls({ ...intake, settings, clock, log, defence, metrics, traces, media, calls });
  const outgoing = new OutgoingCalls({ clock, log, limits, metrics, traces, callLines, reception, registry });

  // the protocols
  const h323 = new H323Gateway({ settings, log, clock, traces, media, directory, defence, calls, callLines, incoming, outgoing });
  const replacements = new Replacements({ settings, clock, calls, directory, reception, meetings });
  const ways = { outgoing, registry, callLines, replacements, h323 };
  const outbound = new Outbound({ ...ways, settings, log, clock, metrics, srf, media, directory, registrar, peerStamps });
  const transfers = new Transfers({ clock, directory, admission, limits, meetings, outbound });
  const desk = { recognition, registrar, refusals, defence };
  const inbound = new Inbound({ ...desk, settings, log, clock, srf, media, peerStamps, incoming, transfers, replacements });
  const web = options.web && new WebGateway({ settings, clock, log, directory, sfu, incoming, reception, meetings, options: options.web });
  if (web) listeners.add((event) => web.told(event));

  // what looks after them
  const probe = new TrunkProbe({ settings, log, srf, peerStamps });
  const figures = new Figures({ calls, meetings, directory, registry, metrics, emit });

  inbound.route();
  try {
    const connecting = engine.connect();
    // the embedded engine tells of what is on the wire, by itself
    if (!peerStamps) traceSrf(srf, traces);
    await Promise.all([connecting, media.connect()]);
    if (options.h323) await h323.listen(options.h323, version);
  } catch (error) {
    load.stop();
    await h323.close();
    srf.disconnect();
    await media.close();
    throw error;
  }
  probe.start();
  registrations.start();
  figures.start();
  if (options.rehearse === true) warmUp(media, { settings, calls, log });

  const views = { directory, lockout, limits, registrar, registrations, records, calls, meetings };
  const sipConnected = () => engine.connected;
  const control = new Control({ ...views, settings, clock, media, emit, outbound, probe, h323, version, sipConnected, listeners });
  const reloaded = { recognition, directory, lockout, meetings, control, probe, registrar, registrations, h323 };

  return Object.assign(control, {
    ...(web ? { pages: web } : {}),
    reload: (next: GatewayConfig): Promise<ReloadReport> => reload({ ...reloaded, settings, log, emit }, next),
    reloadTls: (material: TlsMaterial): void => h323.reloadTls(material),
    drain: async (on = true): Promise<void> => {
      settings.draining = on;
      log.info(
        { event: on ? "draining" : "draining-ended", calls: calls.size },
        on ? "new calls are refused from now on" : "new calls are taken again",
      );
      if (on) await allGone(calls, events);
    },
    stop: async ({ graceMs = 3_000 } = {}): Promise<void> => {
      settings.draining = true;
      figures.stop();
      probe.stop();
      load.stop();
      const told = [...calls.values()].map((call) => call.end("completed", "the gateway is being stopped", { cause: 41 }));
      await Promise.race([Promise.allSettled(told), new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
      sfu.close?.();
      await registrations.stop();
      engine.stop();
      await h323.close();
      await media.close();
      srf.disconnect();
      registry.keepSummaries(true);
      log.info({ event: "stopped", calls: told.length }, "the gateway has stopped");
    },
  });
}

/** Resolves when the last call has gone. */
function allGone(calls: ReadonlyMap<string, Call>, { listeners }: GatewayEvents): Promise<void> {
  return new Promise((resolve) => {
    const check = () => (calls.size === 0 ? resolve() : undefined);
    listeners.add((event) => {
      if (event.type === "call-ended") check();
    });
    check();
  });
}
