import type { Logger } from "pino";
import type { GatewayEvent } from "../admin/ports.ts";

/** Who hears of what happens in the gateway. A listener that throws keeps no other from hearing of it. */
export class GatewayEvents {
  readonly #log: Logger;
  readonly listeners = new Set<(event: GatewayEvent) => void>();

  constructor(log: Logger) {
    this.#log = log;
  }

  readonly emit = (event: GatewayEvent): void => {
    for (const listener of this.listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error({ event: "listener-failed", err: error }, "a listener of the gateway's events failed");
      }
    }
  };
}
