/** A RAS client whose gatekeeper is at the other end of a call signalling connection (H.460.17). */
import type { Clock } from "../../base/clock.ts";
import type { RasClient, RasEvent } from "../../h323/index.ts";
import type { SignallingTunnel } from "./tunnel.ts";
import { type RasCarrier, RasRunner } from "./ras-runner.ts";

export class RasTunnel implements RasCarrier<RasClient> {
  readonly machine: RasClient;
  readonly tunnel: SignallingTunnel;
  readonly #runner: RasRunner<RasClient, RasEvent>;

  /** `machine` is one that is `tunnelled`. When the connection ends nothing more is told: watch `tunnel.ended`. */
  constructor(
    tunnel: SignallingTunnel,
    machine: RasClient,
    options: { readonly clock?: Clock; readonly onEvent: (event: RasEvent) => void },
  ) {
    this.tunnel = tunnel;
    this.machine = machine;
    this.#runner = new RasRunner(machine, {
      ...options,
      send: (_to, bytes) => tunnel.sendRas(bytes),
    });
    tunnel.onRas = (bytes) => this.#runner.receive(bytes, tunnel.peer);
    void tunnel.ended.then(() => this.#runner.stop(false));
  }

  act(action: (machine: RasClient, now: number) => void): void {
    this.#runner.act(action);
  }

  close(): Promise<void> {
    this.#runner.stop(true);
    this.tunnel.close();
    return this.tunnel.ended;
  }
}
