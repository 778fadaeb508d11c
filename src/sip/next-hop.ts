/** Where a request goes next, before any name is looked up. */
import { splitList } from "../wire/sip/text.ts";
import type { SipRequest } from "../wire/sip/message.ts";
import { tryParseNameAddr } from "../wire/sip/name-addr.ts";
import { tryParseUri, type Uri } from "../wire/sip/uri.ts";
import type { Target } from "./types.ts";

/** Where a request goes next: a strict router it names, else the top Route when there is one, else the Request-URI (RFC 3261 section 8.1.2). */
export function nextHop(request: SipRequest): Uri | undefined {
  if (request.strictRouter !== undefined) return request.strictRouter;
  const route = request.get("route");
  if (route === undefined) return request.requestUri;
  const address = tryParseNameAddr(splitList(route)[0]!);
  return address === undefined ? undefined : tryParseUri(address.uriText);
}

/** The same places by TCP. */
export function viaTcp(targets: readonly Target[]): Target[] {
  return targets.filter((t) => t.transport === "udp").map(({ listener: _, ...target }) => ({ ...target, transport: "tcp" }));
}

/** Size of a request with the Via that is still to come, in bytes, near enough to choose the transport by (RFC 3261 section 18.1.1). */
export function approximateSize(request: SipRequest): number {
  let size = request.body.length + request.uri.length + 120;
  for (const h of request.headers) size += h.name.length + h.value.length + 4;
  return size;
}
