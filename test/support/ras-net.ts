import type { Address, Gatekeeper, GatekeeperConfig, GatekeeperEvent, RasClient, RasClientConfig, RasEvent } from "../../src/h323/index.ts";
import { decodeRas, type RasMessage } from "../../src/wire/h225/index.ts";
import { seededOctets } from "./h323-pair.ts";
import { TIMEOUT } from "../../src/base/machine.ts";

export const GK: Address = { host: "192.0.2.10", port: 1719 };
export const ALTERNATE: Address = { host: "192.0.2.11", port: 1719 };
export const EPOCH = 1_700_000_000;

export function gatekeeperConfig(more: Partial<GatekeeperConfig> = {}): GatekeeperConfig {
  return {
    identifier: "gk",
    ras: GK,
    signalling: { host: GK.host, port: 1720 },
    timeToLive: 120,
    maxEndpoints: 10,
    password: () => undefined,
    ours: (alias) => alias === "1000",
    neighbours: [],
    maxBandwidth: 20_000,
    epoch: EPOCH,
    random: seededOctets(3),
    ...more,
  };
}

export function clientConfig(host: string, number: string, more: Partial<RasClientConfig> = {}): RasClientConfig {
  return {
    identity: { aliases: [{ "h323-ID": `room-${number}` }, { dialledDigits: number }], displayName: "room", product: "test", version: "1" },
    signalling: { host, port: 1720 },
    ras: { host, port: 1719 },
    gatekeeper: GK,
    discover: true,
    timeToLive: 300,
    epoch: EPOCH,
    ...more,
  };
}

/** Machines that speak RAS, with a network between them on fake time. */
export class Net {
  now = 0;
  /** Hosts that hear nothing. */
  readonly silent = new Set<string>();
  readonly sent: { from: string; name: string; message: RasMessage }[] = [];
  readonly events = new Map<string, (RasEvent | GatekeeperEvent)[]>();
  #nodes = new Map<string, RasClient | Gatekeeper>();

  add(host: string, node: RasClient | Gatekeeper): this {
    this.#nodes.set(host, node);
    this.events.set(host, []);
    return this;
  }
  of<T extends (RasEvent | GatekeeperEvent)["type"]>(host: string, type: T) {
    return this.events.get(host)!.filter((e): e is Extract<RasEvent | GatekeeperEvent, { type: T }> => e.type === type);
  }
  names(from: string): string[] {
    return this.sent.filter((s) => s.from === from).map((s) => s.name);
  }
  run(ms: number): this {
    const end = this.now + ms;
    for (let i = 0; i < 10_000; i++) {
      this.#drain();
      const due = Math.min(...[...this.#nodes.values()].map((n) => n.nextTimeout() ?? Number.POSITIVE_INFINITY));
      if (due > end) {
        this.now = end;
        return this;
      }
      this.now = Math.max(this.now, due);
      for (const node of this.#nodes.values())
        if ((node.nextTimeout() ?? Number.POSITIVE_INFINITY) <= this.now) node.handle(TIMEOUT, this.now);
    }
    throw new Error("does not come to rest");
  }
  #drain(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const [host, node] of this.#nodes)
        for (const output of node.drain()) {
          busy = true;
          if (output.type === "event") this.events.get(host)!.push(output.event);
          else {
            const message = decodeRas(output.bytes);
            this.sent.push({ from: host, name: Object.keys(message)[0]!, message });
            if (!this.silent.has(output.to.host)) this.#nodes.get(output.to.host)?.received(output.bytes, { host, port: 1719 }, this.now);
          }
        }
    }
  }
}

export const question = (number: string, answer = false) => ({
  callIdentifier: "00112233445566778899aabbccddeeff",
  conferenceId: "ffeeddccbbaa99887766554433221100",
  callReference: 77,
  destination: [{ dialledDigits: number }],
  answer,
  bandwidth: 1280,
});
