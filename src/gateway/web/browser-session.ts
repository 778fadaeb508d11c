import type { Clock } from "../../base/clock.ts";
import { MachineDriver } from "../../base/machine-driver.ts";
import type { WebLeg, WebPage } from "../../legs/web/web-leg.ts";
import type { JoinState } from "../../ivr/join-types.ts";
import type { ParticipantAction } from "../../meetings/model.ts";
import type { OutcomeCode } from "../../records/model.ts";
import type { DialogueState, GatewayMessage } from "../../web/messages.ts";
import type { PageLink, Visit } from "../../web/ports.ts";
import { Presence, type PresenceInput, type PresenceOutput } from "../../web/liveness.ts";
import type { BrowserPeer } from "../../webrtc/index.ts";
import type { Call } from "../call/call.ts";

const SHOWN_AS: Readonly<Partial<Record<JoinState, DialogueState>>> = {
  number: "number",
  "looking-up": "checking",
  pin: "pin",
  checking: "checking",
  naming: "naming",
  admitting: "checking",
  lobby: "lobby",
  waiting: "waiting",
  joining: "joining",
  joined: "joined",
};

/** What a visit asks of the meeting. */
export interface VisitDelegate {
  /** Everything a page that is in the meeting must know: the meeting and its roster. */
  tellAll(visit: WebVisit): void;
  mute(visit: WebVisit, muted: boolean): void;
  act(visit: WebVisit, participant: string, action: ParticipantAction): void;
  /** Whether a host is in the visit's meeting, who hears of those in the lobby. */
  hostPresent(visit: WebVisit): boolean;
  /** Of somebody whom a line shows and who is none of our participants. */
  nameOf(visit: WebVisit, memberId: string): string | undefined;
}

/** A page's visit: what it says goes to its call, what happens to the call goes to it, whichever WebSocket it has just now. */
export class WebVisit implements Visit {
  readonly id: string;
  readonly secret: string;
  /** What the leg tells the page. */
  readonly page: WebPage;
  readonly #delegate: VisitDelegate;
  readonly #presence: MachineDriver<PresenceOutput, Presence>;
  #link: PageLink | undefined;
  #call: Call | undefined;
  #leg: WebLeg | undefined;
  #peer: BrowserPeer | undefined;
  #over = false;
  #dialogue: DialogueState | undefined;
  /** State of the dialogue before, as the dialogue itself has it. */
  #before: JoinState | undefined;
  #attempt = 0;
  #hostPresent: boolean | undefined;
  /** What a page needs to take up a connection that has been offered to it, should the WebSocket have broken meanwhile. */
  #offer: Extract<GatewayMessage, { type: "offer" | "candidate" }>[] = [];
  /** Tells the page by which servers it finds us; unset while it has none that would have to be told anew. */
  #ice: (() => GatewayMessage) | undefined;
  /** Generation of the connection whose answer has come. */
  #answered = 0;
  /** What a line shows, and who presents, for a page that comes back. */
  readonly #shown = new Map<string, GatewayMessage>();
  #presenting: GatewayMessage | undefined;

  constructor(options: { id: string; secret: string; link: PageLink; clock: Clock; delegate: VisitDelegate }) {
    this.id = options.id;
    this.secret = options.secret;
    this.#link = options.link;
    this.#presence = new MachineDriver({ machine: new Presence(), clock: options.clock, perform: (output) => this.#perform(output) });
    this.#delegate = options.delegate;
    this.page = {
      share: (state) => this.tell({ type: "share", state }),
      presenting: (somebody) => this.tell((this.#presenting = { type: "presenting", somebody })),
      shown: (mid, participant, stream) => {
        const name = participant === null ? undefined : this.#delegate.nameOf(this, participant);
        const message: GatewayMessage = { type: "shown", mid, participant, stream, ...(name === undefined ? {} : { name }) };
        this.#shown.set(mid, message);
        this.tell(message);
      },
    };
  }

  get call(): Call | undefined {
    return this.#call;
  }

  /** Past the door: others' names may be told. */
  get joined(): boolean {
    return this.#dialogue === "joined" && !this.#over;
  }

  tell(message: GatewayMessage): void {
    this.#link?.send(message);
  }

  /** From now on the visit is this call's. */
  begin(call: Call, leg: WebLeg): void {
    this.#call = call;
    this.#leg = leg;
    call.on("dialogue", (state) => this.#onDialogue(state));
  }

  /** The page has been told, or is told now, of servers whose credentials end: it gets others with each further connection. */
  relayBy(ice: () => GatewayMessage): void {
    this.#ice = ice;
  }

  carry(peer: BrowserPeer): void {
    this.#peer = peer;
    peer.on("offer", (generation, sdp) => {
      if (generation > 1 && this.#ice) this.tell(this.#ice());
      this.#offer = [{ type: "offer", generation, sdp }];
      this.tell(this.#offer[0]!);
      this.#put({ type: "media", state: "connecting" });
    });
    peer.on("candidate", (generation, candidate, mid) => {
      const message = { type: "candidate", generation, candidate, mid } as const;
      this.#offer.push(message);
      // who knows where we are may come before we know who it is: DTLS then fails for want of a fingerprint
      if (this.#answered === generation) this.tell(message);
    });
    peer.on("state", (generation, state) => {
      if (generation !== peer.generation) return;
      if (state === "connected") this.#offer = [];
      if (state === "connected" || state === "disconnected" || state === "failed") this.#put({ type: "media", state });
      else if (state === "closed") this.#put({ type: "media", state: "disconnected" });
    });
  }

  receive(message: Parameters<Visit["receive"]>[0]) {
    const leg = this.#leg;
    if (this.#over || !leg) return;
    switch (message.type) {
      case "answer":
        return this.#answer(message.generation, message.sdp);
      case "candidate":
        return this.#peer?.candidate(message.generation, message.candidate, message.mid);
      case "keys":
        return leg.keys(message.keys);
      case "share":
        return leg.share(message.on);
      case "mute":
        return this.#delegate.mute(this, message.muted);
      case "act":
        return this.#delegate.act(this, message.participant, message.action);
      case "renew":
        return message.generation === this.#peer?.generation ? this.#put({ type: "renew" }) : undefined;
      case "leave":
        return leg.left("left by the page");
    }
  }

  #answer(generation: number, sdp: string): void {
    if (generation !== this.#peer?.generation || this.#answered === generation) return;
    this.#answered = generation;
    this.#peer.answer(generation, sdp);
    this.#leg?.took(sdp);
    for (const message of this.#offer) if (message.type === "candidate") this.tell(message);
  }

  detached(link: PageLink, away: boolean): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#put({ type: "socket", up: false, away });
  }

  /** The page is back on another WebSocket. */
  resume(link: PageLink): void {
    const before = this.#link;
    this.#link = link;
    before?.close();
    this.tell({ type: "resumed", generation: this.#peer?.generation ?? 0 });
    if (this.#ice) this.tell(this.#ice());
    if (this.#dialogue) this.#tellDialogue(this.#dialogue);
    const offer = this.#offer.filter(({ type }) => type === "offer" || this.#answered === this.#peer?.generation);
    for (const message of [...offer, ...this.#shown.values(), ...(this.#presenting ? [this.#presenting] : [])]) this.tell(message);
    if (this.joined) this.#delegate.tellAll(this);
    this.#put({ type: "socket", up: true });
  }

  /** The call is over: the page hears why; `text` is for its user. A meeting that takes no PINs is to look as if it did not exist. */
  ended(outcome: OutcomeCode, text: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#presence.close();
    this.tell({ type: "ended", code: outcome === "pin-locked-out" ? "no-such-meeting" : outcome, text });
    this.#link?.close();
    this.#link = undefined;
  }

  #onDialogue(state: JoinState): void {
    const shown = SHOWN_AS[state];
    if (shown === undefined) return;
    // the PIN after a number that was right is a first attempt
    if ((state === "pin" && this.#before === "checking") || (state === "number" && this.#before === "looking-up")) this.#attempt++;
    else if (shown !== "checking") this.#attempt = 0;
    this.#before = state;
    if (shown === this.#dialogue) return;
    this.#dialogue = shown;
    this.#tellDialogue(shown);
    if (shown === "joined") this.#delegate.tellAll(this);
  }

  #tellDialogue(state: DialogueState): void {
    this.#hostPresent = state === "lobby" ? this.#delegate.hostPresent(this) : undefined;
    const host = this.#hostPresent === undefined ? {} : { hostPresent: this.#hostPresent };
    this.tell({ type: "dialogue", state, attempt: this.#attempt, ...host });
  }

  /** A host has come or gone: who is in the lobby hears whether anybody knows of it. */
  hostsChanged(): void {
    if (this.#dialogue === "lobby" && !this.#over && this.#hostPresent !== this.#delegate.hostPresent(this)) this.#tellDialogue("lobby");
  }

  #put(input: PresenceInput): void {
    this.#presence.act((presence, now) => presence.handle(input, now));
  }

  #perform(output: PresenceOutput): void {
    if (this.#over) return;
    if (output.type === "renew") this.#leg?.renew();
    else if (output.type === "left") this.#leg?.left("the page was closed");
    else void this.#call?.end(output.what === "media" ? "media-timeout" : "signalling-lost", output.reason);
  }
}
