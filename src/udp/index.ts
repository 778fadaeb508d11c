import { type LedgerMemory, ledgerMemory, reclaim } from "./native/ledger.ts";
import { selfTest } from "./native/self-test.ts";
import { NativeUdp } from "./native/sockets.ts";
import { NodeUdp } from "./node.ts";
import type { Udp, UdpKind } from "./port.ts";

export type { Udp, UdpKind, UdpSocket } from "./port.ts";

/** What a thread is told of its sockets; plain data, for its `workerData`. Each thread has its own. */
export interface UdpPlan {
  /** Where a native thread writes down what it opens; without it sockets are node:dgram's. */
  readonly ledger: LedgerMemory | undefined;
}

/** What this machine has: native sockets, or why there are none. */
export interface UdpChoice {
  readonly kind: UdpKind;
  /** Why it is not `native`, where nobody wanted it otherwise. */
  readonly reason: string | undefined;
}

let choice: UdpChoice | undefined;

/** Which sockets threads are to use: those `wanted`, else native ones where they can be had. That is tried once a process. */
export function chooseUdp(wanted?: UdpKind): UdpChoice {
  if (wanted) return { kind: wanted, reason: undefined };
  choice ??= probe();
  return choice;
}

function probe(): UdpChoice {
  try {
    selfTest();
    return { kind: "native", reason: undefined };
  } catch (error) {
    // Of a module that is not there Node.js says on further lines who wanted it.
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
    return { kind: "node", reason };
  }
}

/** For a thread that is about to start. */
export function planUdp(kind: UdpKind = chooseUdp().kind): UdpPlan {
  return { ledger: kind === "native" ? ledgerMemory() : undefined };
}

/** In the thread: its sockets. */
export function openUdp({ ledger }: UdpPlan): Udp {
  return ledger ? new NativeUdp(ledger) : new NodeUdp();
}

/** Once a thread has ended, however: closes what it left open. */
export function reclaimUdp({ ledger }: UdpPlan): void {
  if (ledger) reclaim(ledger);
}
