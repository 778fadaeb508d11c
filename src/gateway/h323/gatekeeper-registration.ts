import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { H323View } from "../../admin/ports.ts";
import {
  type Address,
  type AdmissionQuestion,
  aliasOf,
  aliasText,
  type Destination,
  RasClient,
  type RasClientConfig,
  type RasEvent,
} from "../../h323/index.ts";
import {
  type H323Endpoint,
  type H323Session,
  type OutgoingOptions,
  openRasSocket,
  type RasCarrier,
  type RasTap,
  RasTunnel,
} from "../../io/index.ts";
import type { AliasAddress } from "../../wire/h225/index.ts";
import type { UpstreamSettings } from "../options.ts";
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";

/** A gatekeeper whose name is not found, or that has lost us, is looked for again after so long: it may have moved. */
const AGAIN_MS = 30_000;
/** Units of 100 bit/s asked for each call, both directions. */
const BANDWIDTH = 12_800;

/** The gatekeeper does not want a call. */
export class NotAdmitted extends Error {
  override name = "NotAdmitted";
  /** Q.850. */
  readonly q850: number;
  constructor(reason: string, cause: number) {
    super(reason);
    this.q850 = cause;
  }
}

/** A call that the gatekeeper has admitted. */
export interface Admission {
  readonly question: AdmissionQuestion;
  readonly endpointIdentifier: string;
  /** Where to call; undefined for a call that came to us. */
  readonly to: Address | undefined;
  /** Whom to ask for there, where the gatekeeper knows it better. */
  readonly destination: readonly AliasAddress[];
  /** Where to call when it is not reached there, one after the other. */
  readonly alternates: readonly Address[];
}

interface Waiting {
  readonly question: AdmissionQuestion;
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: Error) => void;
}

/** As it is shown to operators. */
export type UpstreamState = NonNullable<H323View["upstream"]>;

/** What the registration uses of call signalling. */
export type MemberEndpoint = Pick<H323Endpoint, "address" | "call" | "callThrough" | "come" | "openTunnel">;

/** The registration is gone with the connection that carried it. */
const DISCONNECTED = "the connection to the gatekeeper is closed";

/** Our registration with a gatekeeper, as long as the configuration names one. */
export class Membership {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #advertise: string | undefined;
  readonly #version: string;
  readonly #trace: RasTap | undefined;
  readonly #endpoint: MemberEndpoint;
  readonly #ended: (callIdentifier: string) => void;
  readonly #waiting = new Map<string, Waiting>();
  #settings: UpstreamSettings | null = null;
  #at: string | undefined;
  #carrier: RasCarrier<RasClient> | undefined;
  #again: NodeJS.Timeout | undefined;
  /** What was heard last of the registration, at what time of day. */
  #news: { readonly at: number | undefined; readonly error: string | null } = { at: undefined, error: null };
  /** Rises with each configuration: what an older one has begun is dropped. */
  #generation = 0;

  /** `ended` is told of calls that the gatekeeper ends. */
  constructor(options: {
    readonly log: Logger;
    readonly clock: Clock;
    readonly host: string;
    readonly advertise: string | undefined;
    readonly version: string;
    readonly endpoint: MemberEndpoint;
    /** Told every RAS message both ways. */
    readonly trace?: RasTap | undefined;
    readonly ended: (callIdentifier: string) => void;
  }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#host = options.host;
    this.#advertise = options.advertise;
    this.#version = options.version;
    this.#endpoint = options.endpoint;
    this.#trace = options.trace;
    this.#ended = options.ended;
  }

  /** Registers, registers elsewhere, or takes the registration back. What has not changed stays as it is. */
  async configure(settings: UpstreamSettings | null): Promise<void> {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#news = { at: undefined, error: null };
    await this.#leave();
    if (settings !== null) await this.#join(settings);
  }

  /** Null where the configuration names no gatekeeper. */
  get state(): UpstreamState | null {
    if (this.#settings === null) return null;
    const { gatekeeper, aliases, traversal } = this.#settings;
    const { at, error } = this.#news;
    return {
      gatekeeper: `${gatekeeper.host}:${gatekeeper.port}`,
      aliases,
      traversal,
      registered: this.registered,
      since: at === undefined ? null : new Date(at).toISOString(),
      error,
    };
  }
  get registered(): boolean {
    return this.#carrier?.machine.endpointIdentifier !== undefined;
  }
  /** Whether calls from there are the gatekeeper's, which routes them. */
  routes(host: string): boolean {
    return this.registered && this.#at === host;
  }

  /** Asks for a call of ours, or (`answer`) one that has come. Rejects with NotAdmitted. */
  admit(call: Omit<AdmissionQuestion, "bandwidth">): Promise<Admission> {
    const carrier = this.#carrier;
    if (carrier === undefined) return Promise.reject(new NotAdmitted("the gatekeeper is not there", 38));
    const question = { ...call, bandwidth: BANDWIDTH };
    return new Promise((resolve, reject) => {
      this.#waiting.set(call.callIdentifier, { question, resolve, reject });
      carrier.act((machine, now) => machine.admit(question, now));
    });
  }

  /** Asks for a call to an alias, under identifiers that the call then has. */
  locate(alias: string): Promise<Admission> {
    return this.admit({
      callIdentifier: randomBytes(16).toString("hex"),
      conferenceId: randomBytes(16).toString("hex"),
      callReference: 1 + (randomBytes(2).readUInt16BE() % 32_767),
      destination: [aliasOf(alias)],
      answer: false,
    });
  }

  /** The call is over, or has not come about. */
  released({ question }: Admission): void {
    this.#carrier?.act((machine, now) => machine.disengage(question, now));
  }

  /** Places a call that the gatekeeper has admitted, through the firewall where there is one on our side. Rejects as `H323Endpoint.call`. */
  async call(peer: Address, to: Destination, options: OutgoingOptions): Promise<H323Session> {
    const traversal = this.#settings?.traversal ?? "none";
    if (traversal === "none") return this.#endpoint.call(peer, to, options);
    const outgoing: OutgoingOptions = { ...options, traversal: { role: "client", allowed: [] } };
    if (traversal === "h46018") return this.#endpoint.call(peer, to, outgoing);
    if (!(this.#carrier instanceof RasTunnel)) throw new Error(DISCONNECTED);
    return this.#endpoint.callThrough(this.#carrier.tunnel, to, outgoing);
  }

  /** Calls by the gatekeeper cross a firewall on our side. */
  get behind(): boolean {
    return this.#settings !== null && this.#settings.traversal !== "none";
  }

  async close(): Promise<void> {
    this.#settings = null;
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#generation++;
    clearTimeout(this.#again);
    const carrier = this.#carrier;
    this.#carrier = undefined;
    this.#fail("we leave the gatekeeper");
    await carrier?.close();
  }

  async #join(settings: UpstreamSettings): Promise<void> {
    const generation = ++this.#generation;
    const log = this.#log;
    const clock = this.#clock;
    const { host, port } = settings.gatekeeper;
    const found = await this.#addressOf(host);
    if (generation !== this.#generation) return;
    if (found === undefined) {
      log.warn({ event: "h323-gatekeeper-unknown", gatekeeper: host }, "the gatekeeper's name is not found; it is looked for again");
      this.#lost("its name is not found");
      this.#lookAgain(settings);
      return;
    }
    this.#at = found;
    const onEvent = (event: RasEvent) => this.#told(event, generation);
    let carrier: RasCarrier<RasClient>;
    try {
      carrier =
        settings.traversal === "h46017"
          ? await this.#connect(settings, { host: found, port }, onEvent)
          : await openRasSocket<RasClient, RasEvent>({ host: this.#host, port: 0, clock, onEvent, trace: this.#trace }, (bound) =>
              this.#client(settings, { host: found, port }, { host: this.#advertise ?? bound.host, port: bound.port }),
            );
    } catch (error) {
      onEvent({ type: "unregistered", reason: String(error) });
      return;
    }
    if (generation !== this.#generation) {
      await carrier.close();
      return;
    }
    this.#carrier = carrier;
    carrier.act((machine, now) => machine.start(now));
  }

  #client(settings: UpstreamSettings, gatekeeper: Address, ras: Address): RasClient {
    const clock = this.#clock;
    const { aliases, prefixes, discover, timeToLive, identifier, credentials, traversal } = settings;
    const config: RasClientConfig = {
      identity: {
        aliases: aliases.map(aliasOf),
        displayName: "Crosspoint",
        product: "Crosspoint",
        version: this.#version,
        ...(prefixes.length > 0 ? { prefixes } : {}),
      },
      signalling: this.#endpoint.address,
      ras,
      gatekeeper,
      discover,
      timeToLive,
      traversal: traversal === "h46018",
      tunnelled: traversal === "h46017",
      ...(identifier === null ? {} : { gatekeeperIdentifier: identifier }),
      ...(credentials === null ? {} : { credentials }),
      epoch: Math.floor((clock.wall() - clock.now()) / 1000),
    };
    return new RasClient(config);
  }

  /** One connection for the registration and every call (H.460.17). */
  async #connect(settings: UpstreamSettings, gatekeeper: Address, onEvent: (event: RasEvent) => void): Promise<RasTunnel> {
    const tunnel = await this.#endpoint.openTunnel(gatekeeper);
    // RAS has no address of its own in it.
    const client = this.#client(settings, gatekeeper, this.#endpoint.address);
    const carrier = new RasTunnel(tunnel, client, { clock: this.#clock, onEvent, trace: this.#trace });
    void tunnel.ended.then(() => {
      if (this.#carrier !== carrier) return;
      this.#carrier = undefined;
      this.#fail(DISCONNECTED);
      this.#told({ type: "unregistered", reason: DISCONNECTED }, this.#generation);
    });
    return carrier;
  }

  #addressOf(host: string): Promise<string | undefined> {
    if (isIP(host) !== 0) return Promise.resolve(host);
    return lookup(host, { family: isIP(this.#host) === 6 ? 6 : 4 }).then(
      ({ address }) => address,
      () => undefined,
    );
  }

  /** A machine with a socket of its own tries again by itself where the gatekeeper was; a name may lead elsewhere meanwhile, and a connection is opened anew. */
  #lookAgain(settings: UpstreamSettings): void {
    clearTimeout(this.#again);
    const generation = this.#generation;
    const { host } = settings.gatekeeper;
    if (isIP(host) !== 0 && this.#carrier !== undefined) return;
    this.#again = setTimeout(async () => {
      if (this.registered || generation !== this.#generation) return;
      const address = await this.#addressOf(host);
      if (generation !== this.#generation || this.registered) return;
      if (address === undefined || (this.#carrier !== undefined && address === this.#at)) return this.#lookAgain(settings);
      await this.#leave();
      await this.#join(settings);
    }, AGAIN_MS).unref();
  }

  #told(event: RasEvent, generation: number): void {
    if (generation !== this.#generation) return;
    const log = this.#log;
    const clock = this.#clock;
    const gatekeeper = this.state?.gatekeeper;
    if (event.type === "registered") {
      this.#news = { at: clock.wall(), error: null };
      const { host, port } = event.gatekeeper;
      log.info({ event: "h323-gatekeeper-registered", gatekeeper: `${host}:${port}` }, "registered with the gatekeeper");
      if (this.#settings?.traversal === "h46018" && this.#carrier?.machine.traversed === false)
        log.warn(
          { event: "h323-gatekeeper-no-traversal", gatekeeper: `${host}:${port}` },
          "the gatekeeper does not indicate calls (H.460.18): what it sends us does not come through a firewall",
        );
    } else if (event.type === "unregistered") {
      this.#lost(event.reason);
      log.warn({ event: "h323-gatekeeper-lost", gatekeeper, reason: event.reason }, "not registered with the gatekeeper");
      if (this.#settings !== null) this.#lookAgain(this.#settings);
    } else if (event.type === "summoned") this.#endpoint.come(event);
    else if (event.type === "admitted") this.#admitted(event);
    else if (event.type === "not-admitted") {
      const waiting = this.#take(event.callIdentifier);
      log.info({ event: "h323-not-admitted", callId: event.callIdentifier, reason: event.reason }, "the gatekeeper does not admit a call");
      waiting?.reject(new NotAdmitted(`the gatekeeper does not admit it: ${event.reason}`, event.cause));
    } else if (event.type === "drop") this.#ended(event.callIdentifier);
  }

  #admitted({ callIdentifier: callId, to, destination, alternates }: Extract<RasEvent, { type: "admitted" }>): void {
    const waiting = this.#take(callId);
    const endpointIdentifier = this.#carrier?.machine.endpointIdentifier;
    if (waiting === undefined || endpointIdentifier === undefined) return;
    const { question } = waiting;
    this.#log.debug(
      { event: "h323-admitted", callId, to: to?.host, destination: destination.map(aliasText) },
      "the gatekeeper admits a call",
    );
    waiting.resolve({ question, endpointIdentifier, to, destination, alternates });
  }

  /** One that is tried again and fails again is lost since the first time. */
  #lost(error: string): void {
    this.#news = { at: this.#news.error === null ? this.#clock.wall() : this.#news.at, error };
  }

  #take(callIdentifier: string) {
    const waiting = this.#waiting.get(callIdentifier);
    this.#waiting.delete(callIdentifier);
    return waiting;
  }

  #fail(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new NotAdmitted(reason, 38));
    this.#waiting.clear();
  }
}
