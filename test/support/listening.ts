import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** A TCP socket must be one that listens; one of UDP is good in any state (proc(5), include/net/tcp_states.h). */
const STATE = { tcp: "0A", udp: "[0-9A-F]{2}" } as const;

/** An IPv4 address as /proc/net has it: its octets as a number of the machine's, which is little-endian wherever the tests run. */
const hex = (address: string): string =>
  address
    .split(".")
    .reverse()
    .map((octet) => Number(octet).toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();

export interface ListeningOptions {
  readonly protocol?: "udp" | "tcp";
  readonly address?: string;
  readonly ms?: number;
  readonly why?: () => string;
}

/** Waits until somebody takes packets or connections at an IPv4 address of this machine's network. Throws after `ms`, with what `why` says then. */
export async function listening(
  port: number,
  { protocol = "udp", address = "127.0.0.1", ms = 60_000, why = () => "" }: ListeningOptions = {},
): Promise<void> {
  const local = port.toString(16).toUpperCase().padStart(4, "0");
  const entries = [address, "0.0.0.0"].map((one) => new RegExp(`: ${hex(one)}:${local} \\S+ ${STATE[protocol]} `));
  for (const end = Date.now() + ms; ; await delay(20)) {
    const table = readFileSync(`/proc/net/${protocol}`, "latin1");
    if (entries.some((entry) => entry.test(table))) return;
    if (Date.now() > end) throw new Error(`nobody listens at ${protocol} ${address}:${port}: ${why()}`);
  }
}
