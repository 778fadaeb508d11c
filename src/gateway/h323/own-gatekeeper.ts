import { randomBytes } from "node:crypto";
import type { H323View } from "../../admin/ports.ts";
import {
  type Address,
  aliasOf,
  aliasText,
  Gatekeeper,
  type GatekeeperEvent,
  type RasAddress,
  type Registration,
} from "../../h323/index.ts";
import { openRasSocket, type RasSocket, type RasTap } from "../../io/index.ts";
import { parseDialString } from "../../meetings/dial-string.ts";
import type { CredentialGuesses } from "../../trunks/credential-guesses.ts";
import { accessNumbersOf } from "../../trunks/access-numbers.ts";
import type { GatekeeperSettings, H323Listeners } from "../options.ts";
import type { H323Traversal } from "./traversal.ts";
import type { Settings } from "../settings.ts";
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import type { Defence } from "../../security/defence.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";

/** Where an endpoint is called, and how it registered if it did so with us. */
export type RegisteredAddress = Address & { readonly registration?: Registration };

/** Where the configuration has none. */
export const CLOSED_GATEKEEPER: GatekeeperSettings = {
  identifier: "crosspoint",
  timeToLive: 300,
  registration: "listed",
  endpoints: [],
  neighbours: [],
};

/** Whom the gatekeeper takes, and which numbers are ours. */
export interface OwnGatekeeperParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly clock: Clock;
  readonly defence: Pick<Defence, "refusal" | "offence">;
  readonly directory: Pick<MemoryDirectory, "get">;
}

/** Our own gatekeeper, on the network: who registers, with what password, and whom it asks. */
export class OwnGatekeeper {
  readonly #parts: OwnGatekeeperParts;
  readonly #socket: RasSocket<Gatekeeper, GatekeeperEvent>;
  readonly #questions = new Map<string, (to: Address | undefined) => void>();
  #asked = 0;

  private constructor(parts: OwnGatekeeperParts, socket: RasSocket<Gatekeeper, GatekeeperEvent>) {
    this.#parts = parts;
    this.#socket = socket;
  }

  /** Rejects when the port cannot be had. */
  static async open(
    parts: OwnGatekeeperParts,
    { host, advertise }: H323Listeners,
    {
      port,
      signalling,
      traversal,
      trace,
      guesses,
    }: {
      readonly port: number;
      readonly signalling: Address;
      readonly traversal: H323Traversal;
      readonly guesses: CredentialGuesses;
      readonly trace?: RasTap | undefined;
    },
  ): Promise<OwnGatekeeper> {
    const settings = () => parts.settings.config.gatekeeper ?? CLOSED_GATEKEEPER;
    const { clock } = parts;
    let own: OwnGatekeeper | undefined;
    const socket = await openRasSocket<Gatekeeper, GatekeeperEvent>(
      {
        host,
        port,
        clock,
        trace,
        admits: (address, from) => parts.defence.refusal(address, from) === undefined,
        onEvent: (event) => {
          if (own !== undefined) own.#told(event);
        },
        tunnelled: (connection, bytes) => traversal.send(connection, bytes),
      },
      (ras) =>
        new Gatekeeper({
          identifier: settings().identifier,
          ras: { host: advertise ?? ras.host, port: ras.port },
          signalling,
          // Asked for every message, so that a reload counts at once.
          get timeToLive() {
            return settings().timeToLive;
          },
          get neighbours() {
            return settings().neighbours;
          },
          maxEndpoints: 2_000,
          password: (alias) => passwordOf(settings(), alias),
          ours: (alias) => isMeeting(parts, alias),
          maxBandwidth: 200_000,
          traversal: traversal.timeToLive,
          guesses,
          wrongPassword: (from) => offence(parts, from, "wrong-credentials"),
          epoch: Math.floor((clock.wall() - clock.now()) / 1000),
          random: (count) => randomBytes(count),
        }),
    );
    own = new OwnGatekeeper(parts, socket);
    traversal.serve(socket);
    return own;
  }

  /** Who is registered with us under an alias. */
  registered(alias: string): RegisteredAddress | undefined {
    const registration = this.#socket.machine.find(alias);
    return registration && { ...registration.signalling, registration };
  }

  /** Asks the neighbours; undefined where none knows it. */
  locate(alias: string): Promise<Address | undefined> {
    const question = String(++this.#asked);
    return new Promise((resolve) => {
      this.#questions.set(question, resolve);
      this.#socket.act((machine, now) => {
        if (machine.locate(aliasOf(alias), question, now)) return;
        this.#questions.delete(question);
        resolve(undefined);
      });
    });
  }

  /** As it is shown to operators. */
  get view(): NonNullable<H323View["gatekeeper"]> {
    const { settings, clock } = this.#parts;
    const { config } = settings;
    const { machine } = this.#socket;
    const wall = clock.wall() - clock.now();
    return {
      endpoints: machine.registrations.map(({ aliases, signalling, product, traversal, expires }) => ({
        aliases: aliases.map(aliasText),
        address: `${signalling.host}:${signalling.port}`,
        product: product ?? null,
        traversal: traversal ?? null,
        expiresAt: new Date(wall + expires).toISOString(),
      })),
      neighbours: (config.gatekeeper ?? CLOSED_GATEKEEPER).neighbours.map((neighbour) => ({
        address: `${neighbour.host}:${neighbour.port}`,
        answering: machine.answering(neighbour) ?? null,
      })),
    };
  }

  async close(): Promise<void> {
    for (const resolve of this.#questions.values()) resolve(undefined);
    await this.#socket.close();
  }

  #told(event: GatekeeperEvent): void {
    const { log } = this.#parts;
    if (event.type === "malformed") offence(this.#parts, event.from, "malformed");
    else if (event.type === "registered" || event.type === "unregistered") {
      const { aliases, signalling, product } = event.registration;
      const fields = { event: `h323-${event.type}`, aliases: aliases.map(aliasText), address: signalling.host, product };
      log.info(fields, event.type === "registered" ? "an H.323 endpoint has registered" : "an H.323 endpoint is registered no more");
    } else if (event.type === "not-summoned")
      log.warn(
        { event: "h323-not-summoned", callId: event.callIdentifier },
        "an H.323 endpoint behind a firewall does not come for its call",
      );
    else if (event.type === "refused")
      log.warn(
        { event: "h323-ras-refused", address: event.from.host, what: event.what, reason: event.reason, detail: event.detail },
        "RAS refused",
      );
    else if (event.type === "located") {
      this.#questions.get(event.question)?.(event.to);
      this.#questions.delete(event.question);
    }
  }
}

/** By UDP anybody may send RAS in another's name: there it is written down, and bans nobody. */
function offence(
  { defence }: Pick<OwnGatekeeperParts, "defence">,
  { host, connection }: RasAddress,
  kind: "malformed" | "wrong-credentials",
): void {
  const unproven = connection === undefined;
  defence.offence(host, kind, { transport: unproven ? "udp" : "tcp", unproven });
}

/** Password of an alias; undefined where it needs none; null where it may not register. */
export function passwordOf({ registration, endpoints }: GatekeeperSettings, alias: string): string | undefined | null {
  const listed = endpoints.find((endpoint) => endpoint.alias.toLowerCase() === alias.toLowerCase());
  return listed === undefined && registration === "listed" ? null : listed?.password;
}

/** Whether the gateway takes calls for it: a meeting, or the question for one. The directory is asked again when the call comes. */
export function isMeeting({ settings, directory }: Pick<OwnGatekeeperParts, "settings" | "directory">, alias: string): boolean {
  const { config } = settings;
  const { number } = parseDialString(alias);
  return accessNumbersOf(config).has(number) || directory.get(number) !== undefined;
}
