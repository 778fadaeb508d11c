/**
 * Session timers (RFC 4028): negotiation from the messages of an INVITE or UPDATE, and the clock that says "refresh" or "end".
 * Feed it both sides' messages; ask `poll`.
 */
import type { Millis } from "../base/clock.ts";
import { parseSeconds, parseValueParams } from "../wire/sip/fields.ts";
import type { SipMessage, SipRequest, SipResponse } from "../wire/sip/message.ts";

/** Smallest interval anybody may ask for, in seconds (section 5). */
export const ABSOLUTE_MIN_SE = 90;

export interface SessionTimerOptions {
  /** Interval we ask for, in seconds; 0 asks for none but goes along with the other side's. */
  readonly expires: number;
  /** Smallest interval we accept, in seconds, at least 90. */
  readonly minSe: number;
}

export class SessionTimer {
  readonly #options: SessionTimerOptions;
  #interval: number | undefined;
  #refresher: "us" | "them" | undefined;
  #minSe: number;
  #from: Millis = 0;
  #refreshing = false;

  constructor(options: SessionTimerOptions) {
    this.#options = options;
    this.#minSe = Math.max(ABSOLUTE_MIN_SE, options.minSe);
  }

  /** Agreed interval in seconds; undefined when the session has none. */
  get interval(): number | undefined {
    return this.#interval;
  }
  get refresher(): "us" | "them" | undefined {
    return this.#refresher;
  }

  /** Adds our wish to a request we send (section 7.1). */
  offer(request: SipRequest): void {
    if (!request.lists("supported", "timer")) request.append("Supported", "timer");
    const expires = this.#interval ?? this.#options.expires;
    if (expires === 0) return;
    // In a refresh the roles stay as they are (section 7.4).
    const refresher = this.#refresher === undefined ? "" : `;refresher=${this.#refresher === "us" ? "uac" : "uas"}`;
    request.set("Session-Expires", `${Math.max(expires, this.#minSe)}${refresher}`);
    if (this.#minSe > ABSOLUTE_MIN_SE) request.set("Min-SE", this.#minSe);
  }

  /** A 422 to our request: take the larger minimum and try again (section 7.4). False when it names none. */
  tooSmall(response: SipResponse): boolean {
    const min = parseSeconds(response.get("min-se"));
    if (min === undefined || min <= this.#minSe) return false;
    this.#minSe = min;
    return true;
  }

  /** A request received: the Min-SE to refuse it with by 422, or undefined when it is acceptable (section 9). */
  refuse(request: SipRequest): number | undefined {
    const expires = parseSeconds(request.get("session-expires"));
    const min = Math.max(ABSOLUTE_MIN_SE, this.#options.minSe);
    return expires !== undefined && expires < min && request.lists("supported", "timer") ? min : undefined;
  }

  /** Puts the outcome into the 2xx we send to `request`, and starts the clock (section 9). */
  answer(request: SipRequest, response: SipResponse, now: Millis): void {
    const asked = parseSeconds(request.get("session-expires"));
    const supported = request.lists("supported", "timer");
    const theirMin = parseSeconds(request.get("min-se")) ?? ABSOLUTE_MIN_SE;
    const interval = asked ?? (this.#options.expires === 0 ? undefined : Math.max(this.#options.expires, theirMin));
    if (interval === undefined) {
      this.#interval = undefined;
      return;
    }
    const wanted = refresherOf(request);
    // Table 2 of section 9: without support at the far end, we refresh.
    const refresher = !supported ? "uas" : (wanted ?? "uac");
    response.set("Session-Expires", `${interval};refresher=${refresher}`);
    if (refresher === "uac" && !response.lists("require", "timer")) response.append("Require", "timer");
    if (!response.lists("supported", "timer")) response.append("Supported", "timer");
    this.#start(interval, refresher === "uas" ? "us" : "them", now);
  }

  /** Takes the outcome from the 2xx received, and starts the clock (section 7.2). */
  accept(response: SipResponse, now: Millis): void {
    const interval = parseSeconds(response.get("session-expires"));
    if (interval === undefined) {
      // The far end knows no timers: we may still refresh by ourselves, but nobody has to end the call.
      this.#interval = this.#options.expires === 0 ? undefined : this.#options.expires;
      this.#refresher = this.#interval === undefined ? undefined : "us";
      this.#from = now;
      this.#refreshing = false;
      return;
    }
    this.#start(interval, refresherOf(response) === "uas" ? "them" : "us", now);
  }

  /** When `poll` should be called; undefined when the session has no timer. */
  nextTimeout(): Millis | undefined {
    if (this.#interval === undefined) return undefined;
    return this.#from + (this.#refresher === "us" && !this.#refreshing ? this.#interval * 500 : this.#ends());
  }

  /** `refresh`: send a re-INVITE or UPDATE now (half the interval has passed). `end`: send BYE, the session is dead (section 10). */
  poll(now: Millis): "refresh" | "end" | undefined {
    if (this.#interval === undefined) return undefined;
    if (now - this.#from >= this.#ends()) {
      this.#interval = undefined;
      return "end";
    }
    if (this.#refresher === "us" && !this.#refreshing && now - this.#from >= this.#interval * 500) {
      this.#refreshing = true;
      return "refresh";
    }
    return undefined;
  }

  /** Milliseconds from the last refresh to the end: the interval less min(32 s, a third) (section 10). */
  #ends(): number {
    return this.#interval! * 1000 - Math.min(32_000, (this.#interval! * 1000) / 3);
  }

  #start(interval: number, refresher: "us" | "them", now: Millis): void {
    this.#interval = interval;
    this.#refresher = refresher;
    this.#from = now;
    this.#refreshing = false;
  }
}

function refresherOf(message: SipMessage): "uac" | "uas" | undefined {
  const value = parseValueParams(message.get("session-expires") ?? "")
    .params.get("refresher")
    ?.toLowerCase();
  return value === "uac" || value === "uas" ? value : undefined;
}
