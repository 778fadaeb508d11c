import { type Address, type H323Uri, parseH323Uri, SIGNALLING_PORT } from "../../h323/index.ts";
import type { Trunk } from "../../trunks/model.ts";
import { plainAddress } from "../../trunks/networks.ts";

/** Where an H.323 call goes. */
export interface H323Target {
  readonly trunk: Trunk;
  readonly user: string;
  readonly transport: "tcp" | "tls";
  /** A host (name or address) and port; undefined when whoever knows the alias is to be asked: our gatekeeper, or the one we are registered with. */
  readonly peer: Address | undefined;
}

/**
 * Chooses the trunk and the address of a call: the trunk that was named, else that whose target is the host called, else the default trunk's policy. A trunk's
 * `h323:` target says transport and port where the URI does not, and the host where the URI has none and the trunk was named.
 */
export function h323Target(
  uri: string,
  {
    named,
    trunks,
    defaultTrunk,
  }: { readonly named: Trunk | undefined; readonly trunks: readonly Trunk[]; readonly defaultTrunk: Trunk | null },
): H323Target | undefined {
  const wanted = compared(parseH323Uri(uri));
  if (wanted === undefined) return undefined;
  const targetOf = (trunk: Trunk) => (trunk.target === null ? undefined : compared(parseH323Uri(trunk.target)));
  const fits = (trunk: Trunk) =>
    targetOf(trunk)?.host === wanted.host ||
    (trunk.target !== null && /^sips?:/i.test(trunk.target) && sipHost(trunk.target) === wanted.host);
  const ours = wanted.host === undefined ? undefined : trunks.find(fits);
  const trunk = named ?? ours ?? defaultTrunk;
  if (trunk === null) return undefined;
  const target = targetOf(trunk);
  const user = wanted.user ?? "";
  if (wanted.host === undefined && (named === undefined || target?.host === undefined))
    return { trunk, user, transport: "tcp", peer: undefined };
  const host = wanted.host ?? target!.host!;
  const same = target?.host === host;
  const transport = wanted.transport ?? (same ? target?.transport : undefined) ?? "tcp";
  const configured = same && (target?.transport ?? "tcp") === transport ? target?.port : undefined;
  return { trunk, user, transport, peer: { host, port: wanted.port ?? configured ?? SIGNALLING_PORT[transport] } };
}

/** With its host as hosts are compared. */
function compared(uri: H323Uri | undefined): H323Uri | undefined {
  return uri?.host === undefined ? uri : { ...uri, host: plainAddress(uri.host) };
}

function sipHost(target: string): string | undefined {
  const match = /^sips?:(?:[^@]*@)?(\[[0-9a-f:.]+\]|[^:;?]+)/i.exec(target);
  return match === null ? undefined : plainAddress(match[1]!);
}
