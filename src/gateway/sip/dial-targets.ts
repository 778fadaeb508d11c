import { outward } from "../../trunks/numbering.ts";
import type { SipTransport, Trunk } from "../../trunks/model.ts";
import { type Binding, flowUri } from "../../trunks/registrar.ts";

/** Where a call of ours goes. */
export interface DialTarget {
  /** Request-URI. */
  readonly uri: string;
  /** Route, where the trunk's is not the Request-URI's own. */
  readonly proxy: string | undefined;
  readonly transport: SipTransport;
  readonly host: string;
  readonly user: string | undefined;
}

interface ParsedUri {
  readonly scheme: string;
  readonly user: string | undefined;
  readonly host: string;
  readonly port: string | undefined;
  readonly transport: SipTransport;
  /** The URI names its transport; UDP then stays UDP, however long a request is (RFC 3261 section 18.1.1 would have it change). */
  readonly named: boolean;
}

const TRANSPORTS: readonly SipTransport[] = ["udp", "tcp", "tls", "ws", "wss"];

function parse(uri: string): ParsedUri | undefined {
  const match = /^(sips?):(?:([^@\s<>"]+)@)?(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?((?:;[^\s<>"?]*)?)$/i.exec(uri);
  if (!match) return undefined;
  const [, scheme = "", user, host = "", port, params = ""] = match;
  const named = /;transport=([a-z]+)/i.exec(params)?.[1]?.toLowerCase() as SipTransport | undefined;
  if (named !== undefined && !TRANSPORTS.includes(named)) return undefined;
  const secure = scheme.toLowerCase() === "sips";
  return {
    scheme: scheme.toLowerCase(),
    user,
    host: host.toLowerCase(),
    port,
    transport: secure ? "tls" : (named ?? "udp"),
    named: named !== undefined,
  };
}

/**
 * How a URI is called: through the trunk whose target has its host; with `anywhere`, through the first that has a target, whatever the host; or straight, by
 * the default trunk's policy, where there is one. `tel:` numbers need a trunk. Undefined when it is no URI, or nothing leads there.
 */
export function dialTarget(
  uri: string,
  trunks: readonly Trunk[],
  defaultTrunk: Trunk | null,
  anywhere = false,
): { readonly trunk: Trunk; readonly target: DialTarget } | undefined {
  const outward = trunks.flatMap((trunk) => {
    const target = trunk.target === null ? undefined : parse(trunk.target);
    return target ? [{ trunk, target }] : [];
  });
  const number = telNumber(uri);
  if (number !== undefined) {
    const [first] = outward;
    return (
      first && {
        trunk: first.trunk,
        target: {
          ...via(first.target),
          uri: `${withUser(first.target, dialledBy(first.trunk, number))};user=phone`,
          user: number,
          proxy: undefined,
        },
      }
    );
  }
  const wanted = parse(uri);
  if (!wanted) return undefined;
  const ours = outward.find(({ target }) => target.host === wanted.host) ?? (anywhere ? outward[0] : undefined);
  if (ours) {
    const same = ours.target.host === wanted.host;
    const transport = uri.includes("transport=") || wanted.scheme === "sips" ? wanted.transport : ours.target.transport;
    const request = same && wanted.port === undefined && wanted.user !== undefined ? withUser(ours.target, wanted.user) : uri;
    return {
      trunk: ours.trunk,
      target: {
        ...via(ours.target),
        transport: same ? transport : ours.target.transport,
        uri: request,
        user: wanted.user,
        proxy: same ? undefined : ours.trunk.target!,
      },
    };
  }
  // a trunk that was named and has no target of its own calls straight, under its own policy
  const straight = defaultTrunk ?? (anywhere ? trunks.find(({ target }) => target === null) : undefined);
  return (
    straight && { trunk: straight, target: { uri, proxy: undefined, transport: wanted.transport, host: wanted.host, user: wanted.user } }
  );
}

/** The number as the trunk wants it written. */
const dialledBy = ({ dialling }: Trunk, number: string): string => outward(number, dialling).number ?? number;

function via(target: ParsedUri): { transport: SipTransport; host: string } {
  return { transport: target.transport, host: target.host };
}

function withUser({ scheme, host, port, transport, named }: ParsedUri, user: string): string {
  return `${scheme}:${user}@${host}${port === undefined ? "" : `:${port}`}${scheme === "sips" || !named ? "" : `;transport=${transport}`}`;
}

/**
 * How a URI is called over a binding at our registrar: the registered contact, or the dialled user there where that is another than the one that has
 * registered (a number behind a PBX). `hosts`: the URI must be of one of these, `contact` for the contact's own; null where it need not be. What a device
 * says its contact is counts only where the trunk is known otherwise: it could name any number. The way is the binding's Path, else the flow it came by.
 */
export function bindingTarget(
  uri: string,
  { uri: contact, path, flow }: Binding,
  username: string,
  hosts: readonly string[] | null,
): DialTarget | undefined {
  const wanted = /^tel:/i.test(uri) ? { user: telNumber(uri), host: "" } : parse(uri);
  const registered = partsOf(contact);
  if (!wanted || !registered) return undefined;
  const { scheme, user: own, hostport, rest } = registered;
  const contactHost = hostport.split(":", 1)[0]!;
  if (hosts !== null && !hosts.some((host) => wanted.host === (host === "contact" ? contactHost : host).toLowerCase())) return undefined;
  const user = wanted.user === undefined || wanted.user === username ? own : wanted.user;
  const [edge] = path;
  const way = edge === undefined ? undefined : parse(edge.replace(/;lr\b[^;]*/i, ""));
  return {
    uri: `${scheme}${user === undefined ? "" : `${user}@`}${hostport}${rest}`,
    proxy: path.length > 0 ? path.join(",") : flowUri(flow, username),
    transport: way?.transport ?? flow.transport,
    host: way?.host ?? flow.address,
    user: wanted.user,
  };
}

/** A SIP URI cut at its first `@`, and where its host ends; undefined when it is none. */
function partsOf(uri: string) {
  const scheme = /^sips?:/i.exec(uri)?.[0];
  if (scheme === undefined) return undefined;
  const at = uri.indexOf("@");
  const from = at < 0 ? scheme.length : at + 1;
  const length = uri.slice(from).search(/[@;?]/);
  const end = length < 0 ? uri.length : from + length;
  if (end === from) return undefined;
  return { scheme, user: at < 0 ? undefined : uri.slice(scheme.length, at), hostport: uri.slice(from, end), rest: uri.slice(end) };
}

function telNumber(uri: string): string | undefined {
  return /^tel:(\+?[0-9*#().-]+)(?:;|$)/i.exec(uri)?.[1]?.replace(/[().-]/g, "");
}
