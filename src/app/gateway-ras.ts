import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Address, type AdmissionQuestion, aliasOf, aliasText, RasClient, type RasEvent } from "../h323/index.ts";
import { openRasSocket, type RasSocket } from "../io/index.ts";
import type { AliasAddress } from "../wire/h225/index.ts";
import type { GatewayContext } from "./gateway-context.ts";
import type { UpstreamSettings } from "./gateway-options.ts";

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
}

interface Waiting {
  readonly question: AdmissionQuestion;
  readonly resolve: (admission: Admission) => void;
  readonly reject: (error: Error) => void;
}

/** As it is shown to operators. */
export interface UpstreamState {
  readonly gatekeeper: string;
  readonly registered: boolean;
}

/** Our registration with a gatekeeper, as long as the configuration names one. */
export class Membership {
  readonly #context: GatewayContext;
  readonly #host: string;
  readonly #advertise: string | undefined;
  readonly #version: string;
  /** Where we take calls; known once the listener is open. */
  readonly #signalling: () => Address;
  readonly #ended: (callIdentifier: string) => void;
  readonly #waiting = new Map<string, Waiting>();
  #settings: UpstreamSettings | null = null;
  #at: string | undefined;
  #socket: RasSocket<RasClient, RasEvent> | undefined;
  #again: NodeJS.Timeout | undefined;
  /** Rises with each configuration: what an older one has begun is dropped. */
  #generation = 0;

  /** `ended` is told of calls that the gatekeeper ends. */
  constructor(options: {
    readonly context: GatewayContext;
    readonly host: string;
    readonly advertise: string | undefined;
    readonly version: string;
    readonly signalling: () => Address;
    readonly ended: (callIdentifier: string) => void;
  }) {
    this.#context = options.context;
    this.#host = options.host;
    this.#advertise = options.advertise;
    this.#version = options.version;
    this.#signalling = options.signalling;
    this.#ended = options.ended;
  }

  /** Registers, registers elsewhere, or takes the registration back. What has not changed stays as it is. */
  async configure(settings: UpstreamSettings | null): Promise<void> {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    await this.#leave();
    if (settings !== null) await this.#join(settings);
  }

  /** Null where the configuration names no gatekeeper. */
  get state(): UpstreamState | null {
    if (this.#settings === null) return null;
    const { host, port } = this.#settings.gatekeeper;
    return { gatekeeper: `${host}:${port}`, registered: this.registered };
  }
  get registered(): boolean {
    return this.#socket?.machine.endpointIdentifier !== undefined;
  }
  /** Whether calls from there are the gatekeeper's, which routes them. */
  routes(host: string): boolean {
    return this.registered && this.#at === host;
  }

  /** Asks for a call of ours, or (`answer`) one that has come. Rejects with NotAdmitted. */
  admit(call: Omit<AdmissionQuestion, "bandwidth">): Promise<Admission> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(new NotAdmitted("the gatekeeper is not there", 38));
    const question = { ...call, bandwidth: BANDWIDTH };
    return new Promise((resolve, reject) => {
      this.#waiting.set(call.callIdentifier, { question, resolve, reject });
      socket.act((machine, now) => machine.admit(question, now));
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
    this.#socket?.act((machine, now) => machine.disengage(question, now));
  }

  async close(): Promise<void> {
    this.#settings = null;
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#generation++;
    clearTimeout(this.#again);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#fail("we leave the gatekeeper");
    await socket?.close();
  }

  async #join(settings: UpstreamSettings): Promise<void> {
    const generation = ++this.#generation;
    const { log, clock } = this.#context;
    const { gatekeeper } = settings;
    const family = isIP(this.#host) === 6 ? 6 : 4;
    const found =
      isIP(gatekeeper.host) === 0 ? await lookup(gatekeeper.host, { family }).catch(() => undefined) : { address: gatekeeper.host };
    if (generation !== this.#generation) return;
    if (found === undefined) {
      log.warn(
        { event: "h323-gatekeeper-unknown", gatekeeper: gatekeeper.host },
        "the gatekeeper's name is not found; it is looked for again",
      );
      this.#lookAgain(settings);
      return;
    }
    this.#at = found.address;
    const { aliases, prefixes, discover, timeToLive, identifier, credentials } = settings;
    const socket = await openRasSocket<RasClient, RasEvent>(
      { host: this.#host, port: 0, clock, onEvent: (event) => this.#told(event, generation) },
      (bound) =>
        new RasClient({
          identity: {
            aliases: aliases.map(aliasOf),
            displayName: "Crosspoint",
            product: "Crosspoint",
            version: this.#version,
            ...(prefixes.length > 0 ? { prefixes } : {}),
          },
          signalling: this.#signalling(),
          ras: { host: this.#advertise ?? bound.host, port: bound.port },
          gatekeeper: { host: found.address, port: gatekeeper.port },
          discover,
          timeToLive,
          ...(identifier === null ? {} : { gatekeeperIdentifier: identifier }),
          ...(credentials === null ? {} : { credentials }),
          epoch: Math.floor((clock.wall() - clock.now()) / 1000),
        }),
    );
    if (generation !== this.#generation) {
      await socket.close();
      return;
    }
    this.#socket = socket;
    socket.act((machine, now) => machine.start(now));
  }

  /** The machine tries again by itself where the gatekeeper was; a name may lead elsewhere meanwhile. */
  #lookAgain(settings: UpstreamSettings): void {
    clearTimeout(this.#again);
    const generation = this.#generation;
    const { host } = settings.gatekeeper;
    if (isIP(host) !== 0) return;
    this.#again = setTimeout(() => {
      if (this.registered || generation !== this.#generation) return;
      lookup(host, { family: isIP(this.#host) === 6 ? 6 : 4 }).then(
        async ({ address }) => {
          if (generation !== this.#generation || this.registered) return;
          if (this.#socket !== undefined && address === this.#at) return this.#lookAgain(settings);
          await this.#leave();
          await this.#join(settings);
        },
        () => this.#lookAgain(settings),
      );
    }, AGAIN_MS).unref();
  }

  #told(event: RasEvent, generation: number): void {
    if (generation !== this.#generation) return;
    const { log } = this.#context;
    const gatekeeper = this.state?.gatekeeper;
    if (event.type === "registered") {
      const { host, port } = event.gatekeeper;
      log.info({ event: "h323-gatekeeper-registered", gatekeeper: `${host}:${port}` }, "registered with the gatekeeper");
    } else if (event.type === "unregistered") {
      log.warn({ event: "h323-gatekeeper-lost", gatekeeper, reason: event.reason }, "not registered with the gatekeeper");
      if (this.#settings !== null) this.#lookAgain(this.#settings);
    } else if (event.type === "admitted") this.#admitted(event);
    else if (event.type === "not-admitted") {
      const waiting = this.#take(event.callIdentifier);
      log.info({ event: "h323-not-admitted", callId: event.callIdentifier, reason: event.reason }, "the gatekeeper does not admit a call");
      waiting?.reject(new NotAdmitted(`the gatekeeper does not admit it: ${event.reason}`, event.cause));
    } else if (event.type === "drop") this.#ended(event.callIdentifier);
  }

  #admitted({ callIdentifier: callId, to, destination }: Extract<RasEvent, { type: "admitted" }>): void {
    const waiting = this.#take(callId);
    const endpointIdentifier = this.#socket?.machine.endpointIdentifier;
    if (waiting === undefined || endpointIdentifier === undefined) return;
    const { question } = waiting;
    this.#context.log.debug(
      { event: "h323-admitted", callId, to: to?.host, destination: destination.map(aliasText) },
      "the gatekeeper admits a call",
    );
    waiting.resolve({ question, endpointIdentifier, to, destination });
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
