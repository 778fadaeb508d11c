/** Runs a RAS machine: its timer, what it leaves to be sent, what it tells. Knows nothing of how messages travel. */
import { type Clock, systemClock } from "../../base/clock.ts";
import { MachineDriver } from "../../base/machine-driver.ts";
import { sourceOf } from "../../base/ip-address.ts";
import type { Gatekeeper, GatekeeperEvent, GatekeeperOutput, RasAddress, RasClient, RasEvent, RasOutput } from "../../h323/index.ts";

/** Longest message looked at. */
const LONGEST = 8192;
/** Messages looked at from one host in ten seconds, and hosts counted in that time: more are dropped unread. */
const MOST_FROM_HOST = 500;
const MOST_HOSTS = 20_000;
const WINDOW = 10_000;

/** A machine on the network. Use it through `act`, so that what it leaves is sent. */
export interface RasCarrier<M> {
  readonly machine: M;
  act(action: (machine: M, now: number) => void): void;
  /** A client is unregistered first. */
  close(): Promise<void>;
}

export class RasRunner<M extends RasClient | Gatekeeper, E extends RasEvent | GatekeeperEvent> {
  readonly machine: M;
  readonly #clock: Clock;
  readonly #driver: MachineDriver<RasOutput | GatekeeperOutput, M>;
  #stopped = false;
  #window = 0;
  readonly #heard = new Map<string, number>();

  constructor(
    machine: M,
    options: {
      readonly clock?: Clock | undefined;
      readonly send: (to: RasAddress, bytes: Uint8Array) => void;
      readonly onEvent: (event: E) => void;
    },
  ) {
    this.machine = machine;
    this.#clock = options.clock ?? systemClock;
    const { send, onEvent } = options;
    this.#driver = new MachineDriver({
      machine,
      clock: this.#clock,
      perform: (output) => {
        if (output.type === "send") send(output.to, output.bytes);
        else onEvent(output.event as E);
      },
    });
  }

  receive(bytes: Uint8Array, from: RasAddress): void {
    if (bytes.length <= LONGEST && this.#admits(from.host)) this.act((m, now) => m.received(bytes, from, now));
  }

  act(action: (machine: M, now: number) => void): void {
    this.#driver.act(action);
  }

  /** Nothing more is sent, heard or told. A client takes its registration back, where that can still be `told`. */
  stop(told: boolean): void {
    if (this.#stopped) return;
    if (told && "stop" in this.machine) this.act((m, now) => (m as RasClient).stop(now));
    this.#stopped = true;
    this.#driver.close();
  }

  /** Counts messages by host: decoding costs more than sending. */
  #admits(host: string): boolean {
    const now = this.#clock.now();
    if (now - this.#window > WINDOW) {
      this.#window = now;
      this.#heard.clear();
    }
    const source = sourceOf(host);
    const count = this.#heard.get(source) ?? 0;
    if (count >= MOST_FROM_HOST || (count === 0 && this.#heard.size >= MOST_HOSTS)) return false;
    this.#heard.set(source, count + 1);
    return true;
  }
}
