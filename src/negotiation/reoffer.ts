import { formatCrypto, type SdpMedia, type SdpSession, writeSdp } from "../wire/sdp/index.ts";
import { directionOf } from "./direction.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** What a peer's new description changes in one media line, compared with its last. */
export interface MediaChange {
  readonly kind: "change";
  /** Same session and version: nothing is to be looked at (RFC 3264 section 8). A session refresh looks like this. */
  readonly unchanged: boolean;
  readonly address: boolean;
  /** The peer announced other keys, or turned SRTP on or off: contexts must be made anew; otherwise they must not be. */
  readonly keys: boolean;
  readonly formats: boolean;
  readonly direction: boolean;
  /** Lines beyond those of the last description. */
  readonly addedLines: number;
}

/** Compares two descriptions of one peer at line `index`. Lines may be added, never removed (RFC 3264 section 8). */
export function compareDescriptions(before: SdpSession, after: SdpSession, index: number): MediaChange | Refusal {
  if (after.media.length < before.media.length) return refusal("lines-removed", "A new offer must keep every media line of the last");
  const [old, now] = [before.media[index], after.media[index]];
  if (!old || !now || old.kind !== now.kind) return refusal("lines-removed", "A new offer must keep its media lines in order");
  const differs = (pick: (session: SdpSession, media: SdpMedia) => string) => pick(before, old) !== pick(after, now);
  const sameVersion = before.origin.sessionId === after.origin.sessionId && before.origin.version === after.origin.version;
  const change = {
    address: differs((session, media) => JSON.stringify([media.connection ?? session.connection, media.port, media.rtcp, media.rtcpMux])),
    keys: differs((_, media) => JSON.stringify([media.protocol, media.crypto.map(formatCrypto)])),
    formats: differs((_, media) => JSON.stringify([media.formats, media.ptime, media.maxptime])),
    direction: differs(directionOf),
    addedLines: after.media.length - before.media.length,
  };
  // A peer that forgets to raise the version is believed by what it wrote.
  const changed = change.address || change.keys || change.formats || change.direction || change.addedLines > 0;
  return { kind: "change", unchanged: !changed && (sameVersion || sameText(before, after)), ...change };
}

function sameText(before: SdpSession, after: SdpSession): boolean {
  return writeSdp({ ...before, origin: after.origin }) === writeSdp(after);
}

/**
 * Our next description under our last one's o= line: same session, the version raised by one if anything else differs and kept if
 * nothing does (RFC 3264 section 8). Without a last one, `next` as it is.
 */
export function reviseOrigin(previous: SdpSession | undefined, next: SdpSession): SdpSession {
  if (!previous) return next;
  const { origin } = previous;
  if (writeSdp({ ...next, origin }) === writeSdp(previous)) return previous;
  return { ...next, origin: { ...origin, version: String((BigInt(origin.version) + 1n) & 0xffffffffffffffffn) } };
}
