/** Addresses: of which kind they are, and which one others are told. */
import { networkInterfaces } from "node:os";

export { plainAddress, sourceOf } from "../base/ip-address.ts";

export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** Host and port that others are told of a bound socket: those configured, the bound ones, or for a wildcard this machine's first outward address. */
export function advertised(configured: string | undefined, bound: { address: string; port: number }): [string, number] {
  if (configured !== undefined && configured !== "") {
    const match = /^(\[[^\]]+\]|[^:]+|[0-9a-fA-F:]+)(?::(\d+))?$/.exec(configured);
    const host = match?.[1] ?? configured;
    return [host.replace(/^\[|\]$/g, ""), match?.[2] === undefined ? bound.port : Number(match[2])];
  }
  if (bound.address !== "0.0.0.0" && bound.address !== "::") return [bound.address, bound.port];
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const v4 = all.find((a) => !a.internal && a.family === "IPv4");
  const v6 = all.find((a) => !a.internal && a.family === "IPv6" && !a.address.startsWith("fe80"));
  const outward = bound.address === "::" ? (v6 ?? v4) : (v4 ?? v6);
  return [outward?.address ?? "127.0.0.1", bound.port];
}
