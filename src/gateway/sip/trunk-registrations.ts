import { Authentication } from "../../legs/sip/digest-client.ts";
import { describeResponse, type Headers, type SipRequest, type SipResponse } from "../../legs/sip/drachtio.ts";
import { ALLOW } from "../../legs/sip/leg-fields.ts";
import type { RegisterSetup, RegistrationView, Trunk } from "../../trunks/model.ts";
import { plainAddress } from "../../trunks/networks.ts";
import { type AttemptResult, addressOfRecord, hostOf, type RegisterAttempt, Registration } from "../../trunks/registration.ts";
import { parseSeconds, splitList, tryParseNameAddr } from "../../wire/sip/index.ts";
import type { Settings } from "../settings.ts";
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import type { Srf } from "../../legs/sip/drachtio.ts";
import { trunkHeaders } from "./trunk-headers.ts";

/** A timer is set for no longer than this: Node.js takes longer ones for none. */
const LONGEST_TIMER_MS = 2_000_000_000;
/** Registrars are told goodbye at the end, and not waited for longer. */
const GOODBYE_MS = 1_000;

/** Which trunks ask for a registration, and what it is sent by. */
export interface RegistrationsParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly clock: Clock;
  readonly srf: Srf;
  /** The SIP engine is the embedded one: it says who a TLS peer is, and strips the same from outside. */
  readonly peerStamps: boolean;
}

/** Our registration with one trunk, and what drives it. */
class Client {
  readonly trunk: string;
  readonly machine: Registration;
  readonly #parts: RegistrationsParts;
  readonly #authentication: Authentication;
  readonly #callId: string;
  #seq = 0;
  #timer: NodeJS.Timeout | undefined;
  #told = "";
  #closed = false;
  /** Where the registrar answered from. */
  #address: string | undefined;

  constructor(parts: RegistrationsParts, trunk: string, setup: RegisterSetup, callId: string) {
    this.#parts = parts;
    this.trunk = trunk;
    this.#callId = callId;
    this.machine = new Registration(setup, parts.clock.now());
    this.#authentication = new Authentication({ username: setup.authUsername ?? setup.username, password: setup.password });
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const due = this.machine.nextTimeout();
    if (due === undefined || this.#closed) return;
    const wait = Math.min(LONGEST_TIMER_MS, Math.max(0, due - this.#parts.clock.now()));
    this.#timer = setTimeout(() => this.#run(), wait);
    this.#timer.unref();
  }

  #run(): void {
    const attempt = this.machine.attempt(this.#parts.clock.now());
    if (!attempt) {
      this.#schedule();
      return;
    }
    void this.#send(attempt).then((result) => {
      this.machine.result(result, this.#parts.clock.now());
      this.#tell();
      this.#schedule();
    });
  }

  /** Takes the registration back; resolves when the registrar knows, or does not answer. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const attempt = this.machine.withdraw(this.#parts.clock.now());
    if (!attempt) return;
    const late = new Promise<void>((resolve) => setTimeout(resolve, GOODBYE_MS).unref());
    await Promise.race([this.#send(attempt), late]);
  }

  /** One REGISTER, its challenges answered. Never rejects. */
  #send(attempt: RegisterAttempt): Promise<AttemptResult> {
    this.#authentication.restart();
    return new Promise((resolve) => this.#request(attempt, {}, resolve));
  }

  #request(attempt: RegisterAttempt, more: Headers, done: (result: AttemptResult) => void): void {
    const { setup } = this.machine;
    const aor = addressOfRecord(setup);
    const domain = aor.slice(aor.indexOf("@") + 1);
    // the registrar itself is asked where it is the domain, else it is the way there
    const direct = hostOf(attempt.registrar) === domain;
    const transport =
      /;transport=(\w+)/i.exec(attempt.registrar)?.[1]?.toLowerCase() ?? (/^sips:/i.test(attempt.registrar) ? "tls" : "udp");
    const failed = (error: unknown) => done({ status: 503, text: error instanceof Error ? error.message : String(error) });
    const onResponse = (request: SipRequest, response: SipResponse) => {
      if (response.status < 200) return;
      const answer = this.#authentication.answer(request, response);
      if (answer) return this.#request(attempt, answer, done);
      if (response.status < 300 && attempt.seconds > 0) this.#address = plainAddress(response.source_address);
      done(readResult(response, setup.username));
    };
    try {
      this.#parts.srf.request(
        direct ? attempt.registrar : `sip:${domain}`,
        {
          method: "REGISTER",
          headers: {
            To: `<${aor}>`,
            From: `<${aor}>`,
            "Call-ID": this.#callId,
            CSeq: `${++this.#seq} REGISTER`,
            Contact: `<sip:${setup.username}@localhost${transport === "udp" ? "" : `;transport=${transport}`}>;expires=${attempt.seconds}`,
            Expires: String(attempt.seconds),
            Allow: ALLOW,
            "Max-Forwards": "70",
            ...trunkHeaders(this.#parts.peerStamps, { name: this.trunk }),
            ...more,
          },
          ...(direct ? {} : { proxy: attempt.registrar }),
        },
        (error, request) => {
          if (error) return failed(error);
          this.#seq = Math.max(this.#seq, Number.parseInt(request.get("CSeq") ?? "", 10) || 0);
          request.on("response", (response: SipResponse) => onResponse(request, response));
        },
      );
    } catch (error) {
      failed(error);
    }
  }

  /** One line when it is registered, one for each other reason why it is not. */
  #tell(): void {
    const { log, clock } = this.#parts;
    const { machine } = this;
    const state = machine.state(clock.now());
    const said = `${state} ${machine.error ?? ""}`;
    if (said === this.#told) return;
    this.#told = said;
    const fields = { trunk: this.trunk, registrar: machine.registrar };
    if (machine.error === null) log.info({ event: "trunk-registered", ...fields }, "we are registered with a trunk");
    else log.warn({ event: "trunk-registration-failed", state, reason: machine.error, ...fields }, "a registration with a trunk failed");
  }

  /** Where the registrar that has us registered is; undefined once the registration has lapsed. */
  get address(): string | undefined {
    return this.machine.expiresAt(this.#parts.clock.now()) === undefined ? undefined : this.#address;
  }

  view(): RegistrationView {
    const { clock } = this.#parts;
    const now = clock.now();
    const until = this.machine.expiresAt(now);
    return {
      state: this.machine.state(now),
      registrar: this.machine.registrar,
      expiresAt: until === undefined ? null : new Date(clock.wall() + until - now).toISOString(),
      error: this.machine.error,
    };
  }
}

/** What a final response says. */
function readResult(response: SipResponse, username: string): AttemptResult {
  const own = splitList(response.get("Contact") ?? "")
    .map((value) => tryParseNameAddr(value))
    .filter((address) => address?.uriText.toLowerCase().includes(`:${username.toLowerCase()}@`))
    .map((address) => parseSeconds(address?.params.get("expires") ?? undefined))
    .filter((seconds) => seconds !== undefined);
  return {
    status: response.status,
    text: describeResponse(response),
    granted: own.length > 0 ? Math.max(...own) : parseSeconds(response.get("Expires")),
    least: parseSeconds(response.get("Min-Expires")),
    retryAfter: parseSeconds(response.get("Retry-After")),
  };
}

/** Our registrations with trunks that ask for one (RFC 3261 section 10.2). */
export class Registrations {
  readonly #parts: RegistrationsParts;
  readonly #clients = new Map<string, { readonly key: string; readonly client: Client }>();

  constructor(parts: RegistrationsParts) {
    this.#parts = parts;
  }

  /** Begins, or goes on with another configuration: what has not changed stands. */
  start(): void {
    const wanted = new Map(
      this.#parts.settings.config.trunks.flatMap((trunk) => (trunk.register ? [[trunk.name, trunk.register] as const] : [])),
    );
    for (const [name, { key, client }] of [...this.#clients]) {
      if (JSON.stringify(wanted.get(name)) === key) wanted.delete(name);
      else {
        this.#clients.delete(name);
        void client.close();
      }
    }
    for (const [name, setup] of wanted) {
      const callId = `${name}-${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`;
      this.#clients.set(name, { key: JSON.stringify(setup), client: new Client(this.#parts, name, setup, callId) });
    }
  }

  /** Takes them all back. */
  async stop(): Promise<void> {
    const all = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(all.map(({ client }) => client.close()));
  }

  view(trunk: Pick<Trunk, "name">): RegistrationView | null {
    return this.#clients.get(trunk.name)?.client.view() ?? null;
  }

  /** Whether an address is that of the registrar that has us registered for the trunk at this moment. */
  fromRegistrar(trunk: string, address: string): boolean {
    const known = this.#clients.get(trunk)?.client.address;
    return known !== undefined && known === plainAddress(address);
  }
}
