import type { Millis } from "../base/clock.ts";
import { sourceOf } from "../base/ip-address.ts";

/** User agents of tools that look for open gateways; no telephone calls itself any of these. */
const TOOLS =
  /friendly-?scanner|sipvicious|sip-?scan|sundayddr|sipcli|vaxsip|iwar|smap|pplsip|custom sip|eyebeam release 3015c|gulp|siparmyknife|sipptk|voipbuster-scan|nmap|zmap|masscan|svwar|svmap/i;

/** Refused this often within the window, a stranger is a scanner whatever it calls itself. */
const REFUSALS = 5;
const WINDOW_MS = 60_000;
const MAX_SOURCES = 20_000;

/**
 * Tells scanners, who get no answer, from strangers, who get 403 a few times: a wrong address in somebody's trunk is found by its answer.
 * Pure on the given `now`; bounded.
 */
export class ScannerSense {
  readonly #refused = new Map<string, { count: number; since: Millis }>();

  /** By what it calls itself. */
  static isTool(userAgent: string | undefined): boolean {
    return userAgent !== undefined && TOOLS.test(userAgent);
  }

  /** Counts a refusal of a stranger; true when it is to get no answer. */
  refused(address: string, userAgent: string | undefined, now: Millis): boolean {
    const source = sourceOf(address);
    let entry = this.#refused.get(source);
    if (!entry || now - entry.since > WINDOW_MS) {
      entry = { count: 0, since: now };
      this.#refused.delete(source);
      this.#refused.set(source, entry);
      if (this.#refused.size > MAX_SOURCES) this.#refused.delete(this.#refused.keys().next().value!);
    }
    entry.count++;
    return ScannerSense.isTool(userAgent) || entry.count > REFUSALS;
  }
}
