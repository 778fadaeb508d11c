/** A recognised trunk's calls beside a flood: from an address of its own, five a second, INVITE to final response. */
import { setTimeout as delay } from "node:timers/promises";
import type { SipEndpoint } from "../../src/io/sip/endpoint.ts";

export interface Calls {
  /** From INVITE to 200, ms. */
  readonly answered: readonly number[];
  /** Why others came to nothing. */
  readonly failed: readonly string[];
}

const SDP = (address: string, port: number) =>
  `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n`;
/** How long a call that has been answered is held, ms. */
const HOLD = 500;

/** Places calls of `uri` for `seconds`, each held for `holdMs`; resolves when all have ended. */
export async function placeCalls(endpoint: SipEndpoint, uri: string, seconds: number, perSecond = 5, holdMs = HOLD): Promise<Calls> {
  const answered: number[] = [];
  const failed: string[] = [];
  const running: Promise<void>[] = [];
  for (let n = 0; n < seconds * perSecond; n++) {
    running.push(
      one(endpoint, uri, n, holdMs).then(
        (ms) => void answered.push(ms),
        (error: Error) => void failed.push(error.message),
      ),
    );
    await delay(1000 / perSecond);
  }
  await Promise.all(running);
  return { answered, failed };
}

function one(endpoint: SipEndpoint, uri: string, n: number, holdMs: number): Promise<number> {
  const { address } = endpoint.listeners[0]!;
  const from = performance.now();
  return new Promise((resolve, reject) => {
    let ms: number | undefined;
    const session = endpoint.invite({
      uri,
      from: `sip:trunk@${address}`,
      body: SDP(address, 40_000 + 2 * (n % 1000)),
      events: {
        onAnswered() {
          ms = performance.now() - from;
          setTimeout(() => session.end(endpoint.now()), holdMs);
        },
        onEnded(reason, _now, status) {
          if (ms === undefined) reject(new Error(`${status ?? ""} ${reason}`.trim()));
          else resolve(ms);
        },
      },
    });
  });
}
