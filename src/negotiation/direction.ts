import type { SdpDirection, SdpMedia, SdpSession } from "../wire/sdp/index.ts";

const FLAGS: Readonly<Record<SdpDirection, { readonly sends: boolean; readonly receives: boolean }>> = {
  sendrecv: { sends: true, receives: true },
  sendonly: { sends: true, receives: false },
  recvonly: { sends: false, receives: true },
  inactive: { sends: false, receives: false },
};

/** The direction of what a side does. */
function directionFrom(sends: boolean, receives: boolean): SdpDirection {
  if (sends) return receives ? "sendrecv" : "sendonly";
  return receives ? "recvonly" : "inactive";
}

export function sends(direction: SdpDirection): boolean {
  return FLAGS[direction].sends;
}

export function receives(direction: SdpDirection): boolean {
  return FLAGS[direction].receives;
}

/** The same stream seen from the other side. */
export function reverse(direction: SdpDirection): SdpDirection {
  return directionFrom(receives(direction), sends(direction));
}

/**
 * What a line's side says it does: its own attribute, else the session's, else sendrecv (RFC 3264 section 5.1). A connection address of
 * 0.0.0.0 or :: is the older way to say it receives nothing (RFC 2543 hold, RFC 3264 section 8.4); a browser's placeholder with port 9 is
 * not that.
 */
export function directionOf(session: SdpSession, media: SdpMedia): SdpDirection {
  const stated = media.direction ?? session.direction ?? "sendrecv";
  const address = (media.connection ?? session.connection)?.address;
  return isUnspecified(address) && media.port !== 9 ? directionFrom(sends(stated), false) : stated;
}

/** RFC 3264 section 6.1: we do what we wish to, as far as the offerer does the opposite. */
export function answerDirection(offered: SdpDirection, wished: SdpDirection = "sendrecv"): SdpDirection {
  return directionFrom(sends(wished) && receives(offered), receives(wished) && sends(offered));
}

export function isUnspecified(address: string | undefined): boolean {
  return address === "0.0.0.0" || address === "::";
}
