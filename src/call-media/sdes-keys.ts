import type { SrtpContext, SrtpDecision } from "../negotiation/index.ts";
import { offeredSuites } from "../negotiation/index.ts";
import { cryptoOf, generateKeying, type SrtpKeying, type SrtpSuite } from "../srtp/index.ts";
import type { SdpCrypto } from "../wire/sdp/index.ts";

/** Our SDES keys of one line: one for each suite, the same in every description, so that a refresh changes nothing. */
export class LineKeys {
  readonly #keys = new Map<SrtpSuite, SrtpKeying>();

  of(suite: SrtpSuite): SrtpKeying {
    const known = this.#keys.get(suite) ?? generateKeying(suite);
    this.#keys.set(suite, known);
    return known;
  }

  /** What an answer says of them: the one key of the suite that was chosen, in the offerer's spelling; none for plain RTP. */
  answer(decision: Exclude<SrtpDecision, { kind: "refuse" }>): SdpCrypto[] {
    if (decision.kind === "plain") return [];
    const { tag, suiteName, padded, keying } = decision.crypto;
    return [cryptoOf(this.of(keying.suite), { tag, suiteName, padded })];
  }

  /** What an offer says of them: one for each suite that may be used, best first; none where keys may not travel. */
  offer(context: SrtpContext): SdpCrypto[] {
    return offeredSuites(context).map((suite, at) => cryptoOf(this.of(suite), { tag: at + 1 }));
  }
}
