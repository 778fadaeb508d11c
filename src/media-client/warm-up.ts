import { setTimeout as delay } from "node:timers/promises";
import type { MediaPort } from "../call-media/media-server.ts";

/** What a telephone offers; nobody is behind the address, and the discard port takes what might be sent. */
const OFFER = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 9 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=ptime:20
`.replaceAll("\n", "\r\n");

/** So many sessions, one after the other: after some thirty the code on a call's way is compiled. */
const SESSIONS = 30;
/** Between two, so that calls which come meanwhile are not kept waiting. */
const PAUSE_MS = 5;

/**
 * Opens media sessions and closes them, before there are callers: code that runs for the first time is three times as slow, and the first thirty callers
 * would wait for it. Stops when `wanted` says no. Resolves with how many there were and what the last took; rejects when a session is wanted and cannot be
 * had.
 */
export async function rehearse(
  port: Pick<MediaPort, "open">,
  wanted: () => boolean,
): Promise<{ readonly sessions: number; readonly lastMs: number }> {
  let sessions = 0;
  let lastMs = 0;
  while (sessions < SESSIONS && wanted()) {
    const started = performance.now();
    const session = await port.open(OFFER).catch((error: unknown) => {
      if (wanted()) throw error;
    });
    if (!session) break;
    lastMs = performance.now() - started;
    await session.close();
    sessions++;
    await delay(PAUSE_MS);
  }
  return { sessions, lastMs };
}
