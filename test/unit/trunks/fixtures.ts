import type { Trunk } from "../../../src/trunks/model.ts";

export function trunk(name: string, changes: Partial<Trunk> = {}): Trunk {
  return {
    name,
    identity: {},
    trust: "verified",
    srtp: "preferred",
    privateNetwork: false,
    target: null,
    maxCalls: 0,
    maxCallsPerSecond: 0,
    tenant: null,
    legacyCiphers: false,
    ...changes,
  };
}
