import type { Settings } from "../options.ts";
import { idleCpu, longDuration } from "./api/server.ts";
import type { ProfileInfo } from "./api/context.ts";
import { createApi } from "./api/index.ts";
import { basicApplications } from "./apps/basic.ts";
import { conferenceApplication } from "./apps/conference.ts";
import { playApplications } from "./apps/playback.ts";
import { recordApplications } from "./apps/record.ts";
import type { Application } from "./apps/types.ts";
import { unbridge } from "./channel/bridge.ts";
import type { Channel } from "./channel/channel.ts";
import { Conferences } from "./conference/conferences.ts";
import { type Core, VERSION } from "./core.ts";
import { EslServer } from "./event-socket/esl-server.ts";
import type { MediaPool } from "./media/media-pool.ts";
import { Places } from "./places.ts";
import { SipProfile } from "./sip/sip-profile.ts";
import { Sounds } from "./channel/sounds.ts";

/** Where the server listens. */
export interface Addresses {
  readonly eslPort: number;
  readonly sipPort: number;
  readonly tlsPort: number | undefined;
}

/** What the server carries. */
export interface ServerStats {
  readonly channels: number;
  readonly conferences: number;
  readonly eslConnections: number;
  readonly totalChannels: number;
  /** Calls to whose media ports somebody else has sent than the far end that is listened to, since start. */
  readonly contendedCalls: number;
  /** Packets of those, which were dropped. */
  readonly strangerPackets: number;
  readonly workers: readonly {
    readonly legs: number;
    readonly busy: number;
    readonly lateTicks: number;
    readonly packetsIn: number;
    readonly packetsOut: number;
  }[];
}

/** The control side put together: SIP profile, event socket, channels, conferences, on top of the media threads. */
export class ControlServer {
  readonly #core: Core;
  readonly #pool: MediaPool;
  readonly #settings: Settings;
  readonly #channels = new Map<string, Channel>();
  readonly #conferences: Conferences;
  readonly #profile: SipProfile;
  readonly #esl: EslServer;
  #profileInfo: ProfileInfo;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #total = 0;
  #peak = 0;
  readonly #recent: number[] = [];

  constructor(core: Core, pool: MediaPool, settings: Settings) {
    this.#core = core;
    this.#pool = pool;
    this.#settings = settings;
    this.#profileInfo = { name: settings.sip.profile, host: settings.sip.host, port: settings.sip.port, tlsPort: undefined };
    const places = new Places(settings.recordings, settings.folders);
    const sounds = new Sounds(settings.sounds, settings.music, (path) => places.playable(path));
    const place = (path: string) => places.recording(path);
    this.#conferences = new Conferences(core, pool, () => sounds.music(), settings.automaticGain);
    const applications = finder({
      ...basicApplications,
      ...playApplications(sounds),
      ...recordApplications(place),
      conference: conferenceApplication(this.#conferences),
    });
    const api = createApi({
      core,
      pool,
      channels: this.#channels,
      conferences: this.#conferences,
      sounds,
      place,
      profile: () => this.#profileInfo,
      maxSessions: settings.maxSessions,
      totals: () => ({ total: this.#total, lastSecond: this.#perSecond(), peak: this.#peak }),
    });
    this.#esl = new EslServer({ core, api, findChannel: (uuid) => this.#channels.get(uuid), ...settings.esl });
    this.#profile = new SipProfile({
      core,
      pool,
      settings,
      applications,
      calls: () => this.#channels.size,
      onChannel: (channel) => this.#add(channel),
      onReady: (channel, eventSocket) => this.#ready(channel, eventSocket),
    });
  }

  /** Opens every listener. Rejects, with all closed again, when one cannot be opened. */
  async open(): Promise<Addresses> {
    try {
      const { port, tlsPort } = await this.#profile.open();
      this.#profileInfo = { ...this.#profileInfo, port, tlsPort };
      const eslPort = await this.#esl.open();
      this.#heartbeat = setInterval(() => void this.#beat(), this.#settings.heartbeatMs);
      this.#heartbeat.unref();
      return { eslPort, sipPort: port, tlsPort };
    } catch (error) {
      await Promise.all([this.#profile.close(), this.#esl.close()]);
      throw error;
    }
  }

  /** Ends all calls and closes everything. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    this.#profile.drain();
    for (const channel of [...this.#channels.values()]) channel.hangup("SYSTEM_SHUTDOWN");
    const deadline = this.#core.clock.now() + 1000;
    while (this.#channels.size > 0 && this.#core.clock.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    await Promise.all([this.#profile.close(), this.#esl.close()]);
  }

  async stats(): Promise<ServerStats> {
    const workers = await this.#pool.loads();
    return {
      channels: this.#channels.size,
      conferences: this.#conferences.size,
      eslConnections: this.#esl.connections,
      totalChannels: this.#total,
      contendedCalls: this.#profile.contended,
      strangerPackets: workers.reduce((sum, { strangerPackets }) => sum + strangerPackets, 0),
      workers,
    };
  }

  #add(channel: Channel): void {
    this.#channels.set(channel.uuid, channel);
    this.#total++;
    this.#peak = Math.max(this.#peak, this.#channels.size);
    this.#recent.push(this.#core.clock.now());
    if (this.#recent.length > 1000) this.#recent.shift();
    channel.onDestroyed = () => this.#channels.delete(channel.uuid);
    channel.onHangup(() => unbridge(channel));
    channel.fire("CHANNEL_CREATE");
  }

  #ready(channel: Channel, eventSocket: string | undefined): void {
    if (eventSocket !== undefined) {
      this.#esl.connect(channel, eventSocket);
      return;
    }
    // A plain SIP caller, for trying things out: the number names an application, as a dialplan would.
    const number = channel.caller.destination;
    const conference = /^conf-(.+)$/.exec(number)?.[1];
    channel.endsWithApplication = true;
    if (conference !== undefined) channel.executor.run({ app: "conference", arg: `${conference}@default` });
    else if (number === "tone") channel.executor.run({ app: "playback", arg: "tone_stream://%(10000,0,1000);loops=6" });
    else channel.hangup("NO_ROUTE_DESTINATION");
  }

  #perSecond(): number {
    const since = this.#core.clock.now() - 1000;
    return this.#recent.filter((at) => at >= since).length;
  }

  async #beat(): Promise<void> {
    const idle = await idleCpu({ pool: this.#pool });
    const event = this.#core.event("HEARTBEAT", "heartbeat");
    const uptime = this.#core.uptimeMs();
    const perSecond = this.#perSecond();
    const headers: Record<string, string | number> = {
      "Event-Info": "System Ready",
      "Up-Time": longDuration(uptime),
      "FreeSWITCH-Version": VERSION,
      "Uptime-msec": Math.floor(uptime),
      "Session-Count": this.#channels.size,
      "Max-Sessions": this.#settings.maxSessions,
      "Session-Per-Sec": 500,
      "Session-Per-Sec-Last": perSecond,
      "Session-Per-Sec-Max": perSecond,
      "Session-Since-Startup": this.#total,
      "Session-Peak-Max": this.#peak,
      "Idle-CPU": idle.toFixed(6),
    };
    for (const [name, value] of Object.entries(headers)) event.set(name, value);
    this.#core.fire(event);
  }
}

function finder(applications: Readonly<Record<string, Application>>): (name: string) => Application | undefined {
  return (name) => (Object.hasOwn(applications, name.toLowerCase()) ? applications[name.toLowerCase()] : undefined);
}
