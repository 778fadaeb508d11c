import { randomBytes } from "node:crypto";
import { parseSdp, type SdpCrypto, type SdpMedia, writeSdp } from "../wire/sdp/index.ts";

/** Where nobody listens: the discard port of the media server's own machine. */
const NOWHERE = { port: 9, connection: { ipVersion: 4, address: "127.0.0.1" } } as const;

/** A media server gives its 200 up after 32 s without ACK (RFC 3261 section 13.3.1.4), where it does not say otherwise. */
const UNACKNOWLEDGED_MS = 20_000;
/** Between the ACK that stands in for the far end's answer, and the moment when the media server would give up. */
const MARGIN_MS = 10_000;

/**
 * How long a 200 of the media server may wait for the far end's answer before one has to stand in for it.
 * @param said FreeSWITCH's variable `ring_ms` (docker/freeswitch/vars.xml), its SIP profile's `timer-T1X64`; empty, or an error, where there is none
 */
export function unacknowledgedMs(said: string): number {
  return Math.max(UNACKNOWLEDGED_MS, /^\d{1,8}\s*$/.test(said) ? Number(said) - MARGIN_MS : 0);
}

/** The media server's offer, brought down to one audio line. */
export interface NarrowedOffer {
  readonly offer: string;
  /** An answer to `offer` as the media server must get it: it has offered more lines, which are declined. */
  complete(answer: string): string;
}

/**
 * FreeSWITCH offers the same audio twice, in RTP/SAVP with keys and in RTP/AVP without; far ends are to see one of them. What is asked for is taken
 * where it is there, the only line else.
 */
export function narrowOffer(text: string, secure: boolean): NarrowedOffer {
  const session = parseSdp(text);
  const wanted = session.media.findIndex((line) => line.kind === "audio" && line.port !== 0 && line.crypto.length > 0 === secure);
  const index = Math.max(0, wanted);
  const line = session.media[index];
  if (!line) throw new Error("the media server offers nothing");
  return {
    offer: writeSdp({ ...session, media: [line] }),
    complete: (answer) => {
      const theirs = parseSdp(answer);
      return writeSdp({
        ...theirs,
        media: session.media.map((each, i) => (i === index ? (theirs.media[0] ?? declined(each)) : declined(each))),
      });
    },
  };
}

function declined(line: SdpMedia): SdpMedia {
  const { rtcp: _, ...rest } = line;
  return { ...rest, port: 0, crypto: [], ssrcs: [] };
}

/**
 * An answer to a one-line offer that stands in for one that comes later: every codec, nobody's address, a key of nobody's where keys are
 * offered. drachtio-srf has one of its own, which FreeSWITCH cannot use: without keys it hangs up a call that was offered with them, and
 * `recvonly` it takes for its own direction.
 */
export function standInAnswer(offer: string): string {
  const session = parseSdp(offer);
  const [audio] = session.media;
  if (!audio) throw new Error("the media server offers nothing");
  const { rtcp: _, ...line } = audio;
  const [first] = audio.crypto;
  const media = { ...line, ...NOWHERE, direction: "sendrecv", crypto: first ? [nobodysKey(first)] : [], ssrcs: [] } as const;
  const origin = { ...session.origin, username: "-", ...NOWHERE.connection };
  return writeSdp({ ...session, origin, connection: NOWHERE.connection, media: [media] });
}

/** A random key of the length that the line's suite has. */
function nobodysKey({ tag, suite, keys }: SdpCrypto): SdpCrypto {
  const length = Buffer.from(keys[0]?.keySalt ?? "", "base64").length;
  return { tag, suite, keys: [{ method: "inline", keySalt: randomBytes(length).toString("base64") }], sessionParams: [] };
}
