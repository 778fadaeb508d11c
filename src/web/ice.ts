import { createHmac } from "node:crypto";
import type { IceServer } from "./messages.ts";

/** A STUN or TURN server of the configuration. */
export interface IceServerSetup {
  /** `stun:`, `turn:`, `turns:` URLs (RFC 7064, RFC 7065). */
  readonly urls: readonly string[];
  readonly username?: string | undefined;
  readonly credential?: string | undefined;
  /** Shared with the TURN server, which then takes names that expire (coturn's `use-auth-secret`). */
  readonly secret?: string | undefined;
}

/** A name made from a shared secret is good for so long: a connection made before goes on, and each further one gets a name of its own. */
const GOOD_FOR_SECONDS = 15 * 60;

/** What a page may have that has proved nothing: servers that tell an address and relay nothing (RFC 7064). */
export function openIceServers(servers: readonly IceServerSetup[]): IceServer[] {
  return servers.filter((server) => !relays(server)).map(({ urls }) => ({ urls }));
}

/** Whether any of the servers is for those only who have proved that they may come: a TURN server, or one with credentials. */
export function keepsBack(servers: readonly IceServerSetup[]): boolean {
  return servers.some(relays);
}

function relays({ urls, username, credential, secret }: IceServerSetup): boolean {
  return (username ?? credential ?? secret) !== undefined || urls.some((url) => !/^stuns?:/i.test(url));
}

/** The servers as one page gets them. `wall` is in milliseconds since 1970; `who` shows in the TURN server's log. */
export function iceServersFor(servers: readonly IceServerSetup[], who: string, wall: number): IceServer[] {
  return servers.map(({ urls, username, credential, secret }) => {
    if (secret !== undefined) {
      const name = `${Math.floor(wall / 1000) + GOOD_FOR_SECONDS}:${who}`;
      return { urls, username: name, credential: createHmac("sha1", secret).update(name).digest("base64") };
    }
    return { urls, ...(username === undefined ? {} : { username }), ...(credential === undefined ? {} : { credential }) };
  });
}
