import type { Logger } from "pino";
import type { Srf } from "../../legs/sip/drachtio.ts";
import type { Call } from "../call/call.ts";
import type { EngineAddress, GatewayMetrics } from "../options.ts";

/** The SIP engine is given this long to let us in at start. */
const CONNECT_MS = 5_000;

/** What hears of the SIP engine, and which calls end with it. */
export interface EngineConnectionParts {
  readonly srf: Srf;
  readonly address: EngineAddress;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly calls: ReadonlyMap<string, Call>;
}

/** The connection to the SIP engine, which srf mends itself. Calls that were up when it broke are dead: nobody can speak for them any more. */
export class EngineConnection {
  readonly #parts: EngineConnectionParts;
  #connected = false;
  #stopping = false;

  constructor(parts: EngineConnectionParts) {
    this.#parts = parts;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Connects; resolves when the engine has let us in, rejects when it does not. Call it once, with every route installed. */
  connect(): Promise<void> {
    const { srf, address, log, metrics } = this.#parts;
    const where = `${address.host}:${address.port}`;
    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the SIP engine at ${where} does not answer`)), CONNECT_MS);
      srf.on("connect", (error, hostports) => {
        clearTimeout(timer);
        if (error) {
          log.error({ event: "sip-engine-refused", err: error }, "the SIP engine refuses the secret");
          return reject(error);
        }
        this.#connected = true;
        metrics.engine("sip", true);
        log.info({ event: "sip-engine-connected", address: where, hostports }, "the SIP engine is connected");
        resolve();
      });
    });
    srf.on("close", () => this.#lost());
    srf.on("reconnecting", () => this.#lost());
    srf.on("error", (error) => {
      if (!this.#connected && !this.#stopping)
        log.debug({ event: "sip-engine-retry", error: error.message }, "the SIP engine is not there");
      this.#lost();
    });
    srf.connect({ host: address.host, port: address.port, secret: address.secret });
    return ready;
  }

  /** The connection is about to be closed by us: its end is no loss. */
  stop(): void {
    this.#stopping = true;
  }

  #lost(): void {
    if (!this.#connected || this.#stopping) return;
    this.#connected = false;
    const { log, metrics, calls } = this.#parts;
    metrics.engine("sip", false);
    log.error({ event: "sip-engine-lost", calls: calls.size }, "the SIP engine is lost: its calls are over");
    for (const call of calls.values()) void call.end("signalling-lost", "the SIP engine is lost", { by: "gateway" });
  }
}
