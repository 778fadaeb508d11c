/** Which transaction a message belongs to (RFC 3261 section 17.1.3, 17.2.3). */
import type { SipMessage, SipRequest, SipResponse } from "../wire/sip/message.ts";
import { formatVia, hasMagicBranch, type Via } from "../wire/sip/via.ts";

/** Key of the client transaction a response belongs to: branch and CSeq method (section 17.1.3). */
export function clientKey(branch: string, method: string): string {
  return `${branch}|${method}`;
}
export function clientKeyOf(response: SipResponse): string | undefined {
  const branch = response.topVia?.params.get("branch");
  const method = response.cseq?.method;
  return typeof branch === "string" && method !== undefined ? clientKey(branch, method) : undefined;
}

/**
 * Key of the server transaction a request belongs to. ACK has its INVITE's key. With a branch of RFC 3261 that is branch, sent-by and
 * method; older peers are matched by Request-URI, From tag, Call-ID, CSeq and top Via (section 17.2.3). `method` overrides the request's
 * own: a CANCEL looks for `INVITE`.
 */
export function serverKey(request: SipRequest, via: Via, method: string = request.method === "ACK" ? "INVITE" : request.method): string {
  if (hasMagicBranch(via)) return `${via.params.get("branch")}|${via.host}:${via.port ?? ""}|${method}`;
  const { received: _, rport: __, ...rest } = Object.fromEntries(via.params);
  const plain = formatVia({ ...via, params: new Map(Object.entries(rest)) });
  return `2543|${request.uri}|${request.fromTag}|${request.callId}|${request.cseq?.seq}|${plain}|${method}`;
}

/** Key by which a request that came by two ways is recognised (section 8.2.2.2). */
export function mergeKey(request: SipRequest): string {
  return `${request.callId}|${request.fromTag}|${request.cseq?.seq}|${request.method}`;
}

/** Key that ties the ACK of a 2xx to its INVITE: same dialog, same CSeq number (section 13.3.1.4). */
export function ackKey(message: SipMessage, toTag: string = message.toTag): string {
  return `${message.callId}|${message.fromTag}|${toTag}|${message.cseq?.seq}`;
}
