import type { Millis } from "../base/clock.ts";
import { type Machine, type Timeout, Timers } from "../base/machine.ts";

/** What has happened to a page's WebSocket or its media. */
export type PresenceInput =
  /** `away`: it was closed because the page is (RFC 6455 section 7.4.1, status 1001). */
  | { readonly type: "socket"; readonly up: boolean; readonly away?: boolean }
  /** State of the media connection made last. */
  | { readonly type: "media"; readonly state: "connecting" | "connected" | "disconnected" | "failed" }
  /** The page itself says that its connection has failed. */
  | { readonly type: "renew" };

export type PresenceOutput =
  /** Make a new media connection. */
  | { readonly type: "renew" }
  /** The page was closed. */
  | { readonly type: "left" }
  /** Give the page up: which of the two was missing. */
  | { readonly type: "lost"; readonly what: "socket" | "media"; readonly reason: string };

/** Milliseconds. */
export interface PresenceTimings {
  /** A page may be without WebSocket for so long. */
  readonly socketMs: number;
  /** The same when it has said that it is being closed: time enough for a page that lives, behind a proxy that goes away. */
  readonly awayMs: number;
  /** Media may be interrupted for so long before another connection is tried. */
  readonly interruptedMs: number;
  /** A connection has so long to come about; the first one too, whose user may have to be asked for a microphone. */
  readonly connectMs: number;
  /** New connections for one interruption. */
  readonly renewals: number;
}

const PRESENCE_TIMINGS: PresenceTimings = { socketMs: 120_000, awayMs: 2_000, interruptedMs: 4_000, connectMs: 12_000, renewals: 2 };

const NEVER_CONNECTED =
  "ICE never connected: no path for media between the browser and us by UDP, TCP (web.ice.port) or a TURN server (web.ice.servers)";
const INTERRUPTED = "the media connection to the browser was lost, and no other came about";

/** Whether somebody is still there behind a page: WebSocket and media may each break and come back. */
export class Presence implements Machine<PresenceOutput, PresenceInput> {
  readonly #timings: PresenceTimings;
  readonly #timers = new Timers<"socket" | "media">();
  readonly #out: PresenceOutput[] = [];
  #socketUp = true;
  #away = false;
  #media: "idle" | "connecting" | "up" | "interrupted" = "idle";
  #wasUp = false;
  #renewed = 0;
  #over = false;

  constructor(timings: PresenceTimings = PRESENCE_TIMINGS) {
    this.#timings = timings;
  }

  handle(input: PresenceInput | Timeout, now: Millis): void {
    if (this.#over) return;
    if (input.type === "socket") this.#socket(input.up, input.away ?? false, now);
    else if (input.type === "media") this.#mediaState(input.state, now);
    else if (input.type === "renew") this.#failed(now);
    else this.#timeout(now);
  }

  drain(): PresenceOutput[] {
    return this.#out.splice(0);
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  #socket(up: boolean, away: boolean, now: Millis): void {
    this.#socketUp = up;
    this.#away = away;
    if (up) this.#timers.clear("socket");
    else this.#timers.set("socket", now + (away ? this.#timings.awayMs : this.#timings.socketMs));
    // both may have been lost with the network: the media's attempts are counted from its return
    if (up) this.#renewed = 0;
    // what could not be offered while nobody was there to take it
    if (up && this.#media === "interrupted") this.#failed(now);
  }

  #mediaState(state: "connecting" | "connected" | "disconnected" | "failed", now: Millis): void {
    if (state === "connected") {
      this.#media = "up";
      this.#wasUp = true;
      this.#renewed = 0;
      this.#timers.clear("media");
    } else if (state === "failed") this.#failed(now);
    else if (state === "connecting" && this.#media === "idle") {
      this.#media = "connecting";
      this.#timers.set("media", now + this.#timings.connectMs);
    } else if (state === "disconnected" && this.#media === "up") {
      this.#media = "interrupted";
      this.#timers.set("media", now + this.#timings.interruptedMs);
    }
  }

  #failed(now: Millis) {
    if (!this.#socketUp) {
      // an offer needs a page: the socket's own time decides
      this.#media = "interrupted";
      this.#timers.clear("media");
      return;
    }
    if (this.#renewed >= this.#timings.renewals) return this.#lost("media", this.#wasUp ? INTERRUPTED : NEVER_CONNECTED);
    this.#renewed++;
    this.#media = "connecting";
    this.#timers.set("media", now + this.#timings.connectMs);
    this.#out.push({ type: "renew" });
  }

  #timeout(now: Millis) {
    const ended = this.#timers.expire(now);
    if (ended.includes("socket"))
      return this.#away ? this.#end({ type: "left" }) : this.#lost("socket", "the page has gone without a word");
    if (ended.includes("media")) this.#failed(now);
  }

  #lost(what: "socket" | "media", reason: string): void {
    this.#end({ type: "lost", what, reason });
  }

  #end(output: PresenceOutput): void {
    this.#over = true;
    this.#timers.clearAll();
    this.#out.push(output);
  }
}
