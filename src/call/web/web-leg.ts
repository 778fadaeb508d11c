import { EventEmitter } from "node:events";
import type { BrowserPeer, ConnectionState, OfferedLine } from "../../webrtc/index.ts";
import { CAUSE } from "../cause.ts";
import type { ContentControl, ContentControlEvents, Leg, LegEvents, LegInfo } from "../leg.ts";
import { describeBrowser, offeredToPage, type WebLine } from "./description.ts";

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
    return peer ? describeBrowser(this.#options.lines, peer.address, peer.ports, this.#version) : null;
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
    return null;
  }

  refuse(): void {
    this.#finish();
  }

  /** Addresses may change; the page's lines and codecs stay as they are. */
  change(offer: string): Promise<string> {
    const { lines, reach } = this.#options;
    const peer = this.#peer;
    if (this.#ended || !peer) return Promise.reject(new Error("the page has gone"));
    const wanted = offeredToPage(lines, offer, reach);
    this.#offered = this.#offered.map((line) => ({ ...line, target: wanted.find(({ mid }) => mid === line.mid)?.target ?? null }));
    peer.retarget(Object.fromEntries(this.#offered.map(({ mid, target }) => [mid, target])));
    this.#version++;
    return Promise.resolve(describeBrowser(lines, peer.address, peer.ports, this.#version));
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
    this.#over("peer", CAUSE.normalClearing, text);
  }

  /** The page or its media are out of reach. */
  lost(text: string): void {
    this.#over("engine", CAUSE.destinationOutOfOrder, text);
  }

  #over(by: "peer" | "engine", cause: number, text: string): void {
    if (this.#ended) return;
    const cancelled = by === "peer" && !this.#answered;
    this.#finish();
    this.emit("ended", { by, cause, text, cancelled });
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
