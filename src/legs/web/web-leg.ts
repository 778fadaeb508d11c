import { EventEmitter } from "node:events";
import type { CallEnding } from "../../base/call-failure.ts";
import type { BrowserPeer, ConnectionState, OfferedLine } from "../../webrtc/index.ts";
import { CAUSE } from "../cause.ts";
import type { ContentControl, ContentControlEvents, Leg, LegEvents, LegInfo } from "../leg.ts";
import { describeBrowser, EVERYTHING, offeredToPage, type TakenByPage, takenByPage, type WebLine } from "./description.ts";

/** What the leg tells the page. */
export interface WebPage {
  /** About the screen the page wants to show, or shows. */
  share(state: "granted" | "denied" | "revoked"): void;
  /** Whether somebody else presents. */
  presenting(somebody: boolean): void;
  /** Whom a line shows; null for nobody. */
  shown(mid: string, participantId: string | null, stream: "camera" | "screen"): void;
}

export interface WebLegOptions {
  readonly info: LegInfo;
  readonly lines: readonly WebLine[];
  readonly page: WebPage;
  /** The address by which we reach our own media server, of the one it tells the outside. */
  readonly reach: (address: string) => string;
}

/** A key pressed on a page has no length. */
const KEY_MS = 100;

/** Content control by the page's own messages. */
class PageContent extends EventEmitter<ContentControlEvents> implements ContentControl {
  readonly #page: WebPage;
  constructor(page: WebPage) {
    super();
    this.#page = page;
  }
  grant(): void {
    this.#page.share("granted");
  }
  deny(): void {
    this.#page.share("denied");
  }
  revoke(): void {
    this.#page.share("revoked");
  }
  announce(presenting: boolean): void {
    this.#page.presenting(presenting);
  }
}

/**
 * A browser as a leg: to the gateway it is plain RTP on local sockets; what is behind them is told by `connection` events, and lives longer than one
 * connection: `renew` makes another one for the same call. Who speaks to the page drives it: `keys`, `left`, `lost`.
 */
export class WebLeg extends EventEmitter<LegEvents> implements Leg {
  readonly info: LegInfo;
  readonly content: ContentControl & EventEmitter<ContentControlEvents>;
  readonly #options: WebLegOptions;
  #peer: BrowserPeer | undefined;
  #answered = false;
  #ended = false;
  #version = 1;
  /** What the page has taken of what it was offered, and what the gateway knows of that. */
  #taken = EVERYTHING;
  #told: TakenByPage = EVERYTHING;
  #offered: readonly OfferedLine[] = [];
  #protection: string | undefined;
  #connecting: PromiseWithResolvers<void> | undefined;

  constructor(options: WebLegOptions) {
    super();
    this.#options = options;
    this.info = options.info;
    this.content = new PageContent(options.page);
  }

  /** The leg has media from now on. A call that is over meanwhile lets them go. */
  carry(peer: BrowserPeer) {
    if (this.#ended) return peer.close();
    this.#peer = peer;
    peer.on("state", (generation, state, protection) => this.#state(generation, state, protection));
    peer.on("gone", (reason) => this.lost(reason));
  }

  /** The browser as plain RTP; null before `carry`. */
  get offer(): string | null {
    const peer = this.#peer;
    return peer ? this.#describe(peer) : null;
  }

  get answered(): boolean {
    return this.#answered;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get mediaProtection(): string | undefined {
    return this.#protection;
  }

  /** All lines go by one transport. */
  get pictureProtection(): string | undefined {
    return this.#protection;
  }

  ring(): Promise<void> {
    return Promise.resolve();
  }

  /** Offers the page what the gateway has taken; resolves when its media are there, rejects when the call ends before. How long to wait is not decided here. */
  async answer(sdp: string): Promise<null> {
    const peer = this.#peer;
    if (this.#ended || !peer) throw new Error("the page has gone");
    const { lines, reach } = this.#options;
    this.#offered = offeredToPage(lines, sdp, reach);
    const connecting = Promise.withResolvers<void>();
    this.#connecting = connecting;
    peer.connect(this.#offered);
    await connecting.promise;
    this.#answered = true;
    // whoever waits for the answer listens for changes from then on
    setImmediate(() => this.#revise());
    return null;
  }

  /** The page's answer: lines and codecs that it has not taken are taken back from the gateway. An answer that is none is its connection's trouble. */
  took(answer: string): void {
    try {
      this.#taken = takenByPage(answer);
    } catch {
      return;
    }
    if (this.#answered) this.#revise();
  }

  refuse(): void {
    this.#finish();
  }

  /** Addresses may change; the page's lines and codecs stay as they are. */
  change(offer: string): Promise<string> {
    const peer = this.#peer;
    if (this.#ended || !peer) return Promise.reject(new Error("the page has gone"));
    this.#aim(peer, offer);
    this.#version++;
    return Promise.resolve(this.#describe(peer));
  }

  /** A page is told where to go by other means. */
  transfer(): Promise<boolean> {
    return Promise.resolve(false);
  }

  end(): Promise<void> {
    this.#finish();
    return Promise.resolve();
  }

  /** A new connection for the same call: the page's offer follows. Nothing where the call has none yet. */
  renew(): boolean {
    if (this.#ended || this.#offered.length === 0) return false;
    this.#peer?.connect(this.#offered);
    return true;
  }

  /** Keys pressed on the page. */
  keys(digits: string): void {
    for (const digit of digits) if (!this.#ended) this.emit("dtmf", { digit, durationMs: KEY_MS });
  }

  /** The page wants to show its screen, or shows it no more. */
  share(on: boolean): void {
    if (!this.#ended) this.content.emit(on ? "request" : "release");
  }

  /** Whom a line of the description shows; for the page's names under its pictures. */
  shown(line: number, participantId: string | null, stream: "camera" | "screen"): void {
    const mid = this.#options.lines[line]?.mid;
    if (mid !== undefined && !this.#ended) this.#options.page.shown(mid, participantId, stream);
  }

  /** The person has left. */
  left(text: string): void {
    this.#over({
      code: this.#answered ? "hung-up" : "cancelled",
      by: "caller",
      q850: CAUSE.normalClearing,
      sipStatus: null,
      message: text,
    });
  }

  /** Its media are out of reach: the process that ends them has given them up. */
  lost(text: string): void {
    this.#over({ code: "application-gone", by: "gateway", q850: CAUSE.destinationOutOfOrder, sipStatus: null, message: text });
  }

  #describe({ address, ports }: BrowserPeer, version = this.#version, taken = this.#taken): string {
    return describeBrowser(this.#options.lines, address, ports, version, taken);
  }

  /** Sends each line's packets where the gateway's description has it. */
  #aim(peer: BrowserPeer, description: string): void {
    const { lines, reach } = this.#options;
    const wanted = offeredToPage(lines, description, reach);
    this.#offered = this.#offered.map((line) => ({ ...line, target: wanted.find(({ mid }) => mid === line.mid)?.target ?? null }));
    peer.retarget(Object.fromEntries(this.#offered.map(({ mid, target }) => [mid, target])));
  }

  /** Tells the gateway what the page has taken, where that is not what it believes. */
  #revise(): void {
    const peer = this.#peer;
    const taken = this.#taken;
    if (!peer || this.#ended || this.#describe(peer, 0, taken) === this.#describe(peer, 0, this.#told)) return;
    this.#told = taken;
    this.#version++;
    this.emit("change", {
      offer: this.#describe(peer),
      accept: (answer) => {
        if (!this.#ended) this.#aim(peer, answer);
        return Promise.resolve(null);
      },
      // audio alone is never changed by it: there is nothing to be refused
      reject: () => {},
    });
  }

  #over(end: CallEnding): void {
    if (this.#ended) return;
    this.#finish();
    this.emit("ended", end);
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#connecting?.reject(new Error("the call is over"));
    // whoever waited has gone already
    this.#connecting?.promise.catch(() => {});
    this.#peer?.close();
  }

  #state(generation: number, state: ConnectionState, protection: string | undefined): void {
    if (generation !== this.#peer?.generation || state !== "connected") return;
    this.#protection = protection;
    this.#connecting?.resolve();
    this.#connecting = undefined;
  }
}
