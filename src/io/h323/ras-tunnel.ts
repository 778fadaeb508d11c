/** A RAS client whose gatekeeper is at the other end of a call signalling connection (H.460.17). */
import type { Clock } from "../../base/clock.ts";
import type { Address, RasClient, RasEvent } from "../../h323/index.ts";
import type { SignallingTunnel } from "./tunnel.ts";
import type { RasTap } from "./ras-socket.ts";
import { type RasCarrier, RasRunner } from "./ras-runner.ts";

/** Our end of a connection that is not this one's alone. */
const TUNNEL: Address = { host: "tunnel", port: 0 };

export class RasTunnel implements RasCarrier<RasClient> {
  readonly machine: RasClient;
  readonly tunnel: SignallingTunnel;
  readonly #runner: RasRunner<RasClient, RasEvent>;

  /** `machine` is one that is `tunnelled`. When the connection ends nothing more is told: watch `tunnel.ended`. */
  constructor(
    tunnel: SignallingTunnel,
    machine: RasClient,
    options: { readonly clock?: Clock; readonly onEvent: (event: RasEvent) => void; readonly trace?: RasTap | undefined },
  ) {
    this.tunnel = tunnel;
    this.machine = machine;
    const { trace, ...rest } = options;
    this.#runner = new RasRunner(machine, {
      ...rest,
      send: (_to, bytes) => {
        trace?.("out", bytes, { ...tunnel.peer, connection: 0 }, TUNNEL);
        tunnel.sendRas(bytes);
      },
    });
    tunnel.onRas = (bytes) => {
      trace?.("in", bytes, { ...tunnel.peer, connection: 0 }, TUNNEL);
      this.#runner.receive(bytes, tunnel.peer);
    };
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
