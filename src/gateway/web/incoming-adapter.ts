import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import { type WebLine, webLines } from "../../legs/web/description.ts";
import { WebLeg } from "../../legs/web/web-leg.ts";
import { type Dialled, parseDialString } from "../../meetings/dial-string.ts";
import type { Trust } from "../../meetings/model.ts";
import type { MediaPolicy } from "../../negotiation/index.ts";
import type { JoinTicket, JoinTokenFault } from "../../security/join-token.ts";
import type { OutcomeCode } from "../../records/model.ts";
import { iceServersFor, keepsBack, openIceServers } from "../../web/ice.ts";
import type { GatewayMessage, IceServer, JoinMessage } from "../../web/messages.ts";
import type { PageSource } from "../../web/ports.ts";
import type { Reception } from "../call/answer.ts";
import type { Call } from "../call/call.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";
import type { DirectCaller, IncomingAdapter, Wanted } from "../incoming-call.ts";
import type { WebGatewayOptions } from "../options.ts";
import type { WebVisit } from "./browser-session.ts";
import { enterByText } from "./entry-by-text.ts";
import type { LostVisit } from "./lost-visits.ts";
import { type Settings, timingsOf } from "../settings.ts";
import type { Clock } from "../../base/clock.ts";
import type { MemoryDirectory } from "../../meetings/directory.ts";

/** For the record and the log: why a join token is not taken. */
const TOKEN_FAULTS: Readonly<Record<JoinTokenFault, string>> = {
  invalid: "the join token was not signed by this gateway, was changed, or is a token of another kind",
  expired: "the join token has expired",
  revoked: "the join token has been revoked, or its meeting was deleted since",
};

/** A browser whose media end here breaks the encryption as a telephone does. */
const ENCRYPTED = "This meeting is end-to-end encrypted and cannot be joined through this gateway";

/** What calls of browsers need of the gateway. */
export interface WebIncomingParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly directory: MemoryDirectory;
  readonly options: WebGatewayOptions;
  readonly reception: Pick<Reception, "find" | "checkPin">;
  /** The visit is over: no page may take it up again. */
  forget(): void;
  /** Before the meeting forgets the call: what its page may come back to. */
  lost(call: Call, outcome: OutcomeCode): void;
}

/** A page's join message as an incoming call. */
export class WebIncoming implements IncomingAdapter {
  readonly id: string;
  readonly info: LegInfo;
  readonly caller: DirectCaller;
  readonly #parts: WebIncomingParts;
  readonly #visit: WebVisit;
  readonly #message: JoinMessage;
  readonly #ticket: JoinTicket | null;
  readonly #lines: readonly WebLine[];
  /** The visit that was lost before, and that this one goes on with. */
  readonly #back: LostVisit | undefined;
  #leg: WebLeg | undefined;

  constructor(parts: WebIncomingParts, visit: WebVisit, message: JoinMessage, source: PageSource, back?: LostVisit) {
    this.#parts = parts;
    this.#visit = visit;
    this.#message = message;
    this.#back = back;
    this.#ticket = ticketOf(source);
    this.#lines = webLines(message.pictures);
    this.id = visit.id;
    this.info = infoOf(message, source, visit.id);
    const trust = this.#ticket === null ? (back?.trust ?? "unverified") : "verified";
    this.caller = { kind: "direct", trust, refusal: this.#refused(source, trust) };
  }

  open(): WebLeg {
    this.#leg = new WebLeg({ info: this.info, lines: this.#lines, page: this.#visit.page, reach: this.#parts.options.reach });
    return this.#leg;
  }

  begun(call: Call): void {
    const visit = this.#visit;
    if (this.#leg) visit.begin(call, this.#leg);
    call.once("ended", ({ outcome, text = "" }) => {
      this.#parts.forget();
      this.#parts.lost(call, outcome);
      visit.ended(outcome, text !== "" && outcome === "end-to-end-encrypted" ? ENCRYPTED : text);
    });
  }

  dialled(): Dialled {
    const { meeting, language = null, pin: typed } = this.#message;
    const { number, shown, pin } = parseDialString(meeting);
    return { number, shown, pin: typed ?? pin, language, siteUuid: null };
  }

  /** The meeting of the dial string; with a join token the token's meeting, and no other. */
  async wanted(call: Call): Promise<Wanted | GatewayRefusal> {
    const { directory } = this.#parts;
    const dialled = this.dialled();
    const { number, shown } = dialled;
    const ticket = this.#ticket;
    const before = this.#back && directory.get(this.#back.meetingId);
    if (this.#back && before) {
      call.log.info({ event: "browser-back", meeting: before.id, visit: this.#back.visit }, "a browser is back that had been lost");
      const from = { name: "web", tenant: before.tenant };
      return { dialled: { ...dialled, number: before.id }, from, role: this.#back.role, invited: true };
    }
    if (ticket === null) return { dialled, from: { name: "web", tenant: null }, role: null };
    const meeting = directory.get(ticket.meeting);
    if (!meeting) return refuse("no-such-meeting", `the join token is for meeting ${ticket.meeting}, which is not there any more`);
    const wanted = number === "" ? meeting : await directory.find(number, meeting.tenant);
    if (wanted?.id !== meeting.id) {
      call.calledMeeting = wanted?.id ?? null;
      const { address } = this.info;
      call.log.warn({ event: "join-token-refused", from: address, code: "other-meeting" }, "a join token was brought to another meeting");
      return refuse("token-other-meeting", `the join token is for meeting ${meeting.id}, and ${shown.slice(0, 64)} was wanted`);
    }
    call.log.info(
      { event: "join-token-taken", meeting: meeting.id, role: ticket.role, token: ticket.id },
      "a browser came with a join token",
    );
    return { dialled: { ...dialled, number: meeting.id }, from: { name: "web", tenant: meeting.tenant }, role: ticket.role };
  }

  /** Opens the browser's transport, and tells the page who it is and how it reaches us. */
  async prepare(call: Call): Promise<null> {
    const { options } = this.#parts;
    const visit = this.#visit;
    const { servers } = options.callers.ice;
    const kept = keepsBack(servers);
    const welcomed = kept && (await this.#prove(call));
    if (call.over) return null;
    const peer = await options.webrtc.open(this.#lines);
    this.#leg?.carry(peer);
    if (call.over) return null;
    visit.carry(peer);
    if (!welcomed) this.#welcome(this.#iceServers());
    if (kept) visit.relayBy(() => this.#relays());
    return null;
  }

  /**
   * TURN servers relay for whoever has their credentials: a page gets those when it has proved that it may come, by a join token or a PIN, or when the meeting
   * asks for none. Where there are such servers, number and PIN are asked for by text before the media. False: it needs no asking, and has not been welcomed.
   */
  async #prove(call: Call): Promise<boolean> {
    const { settings, clock, options, reception } = this.#parts;
    const { destination } = call;
    if (!destination || destination.role !== null || destination.meeting?.guestPin === null) return false;
    this.#welcome(openIceServers(options.callers.ice.servers));
    const { config } = settings;
    const { language = null } = this.#message;
    const setup = { language: language ?? config.language, languageChosen: language !== null, timings: timingsOf(config.ivr) };
    const entered = await enterByText({ call, destination, reception, clock, setup });
    if (entered === null || call.over) return true;
    call.destination = entered;
    this.#visit.tell(this.#relays());
    return true;
  }

  #iceServers(): IceServer[] {
    return iceServersFor(this.#parts.options.callers.ice.servers, this.#visit.id, this.#parts.clock.wall());
  }

  #relays(): GatewayMessage {
    return { type: "ice-servers", iceServers: this.#iceServers(), iceTransportPolicy: this.#parts.options.callers.ice.policy };
  }

  #welcome(iceServers: readonly IceServer[]): void {
    const { id, secret } = this.#visit;
    const { policy } = this.#parts.options.callers.ice;
    this.#visit.tell({ type: "welcome", visit: id, secret, participant: id, iceServers, iceTransportPolicy: policy });
  }

  mediaPolicy(): MediaPolicy {
    const { codecs } = this.#parts.settings.config;
    return { policy: "none", transport: "local", privateNetwork: true, ...(codecs ? { codecs } : {}) };
  }

  refuse(): void {
    this.#leg?.refuse();
  }

  #refused({ token }: PageSource, trust: Trust): GatewayRefusal | null {
    // what was right when they came in may have expired while they were lost
    if (token !== null && "fault" in token && (token.fault !== "expired" || !this.#back))
      return refuse(`token-${token.fault}`, TOKEN_FAULTS[token.fault]);
    if (this.#parts.options.callers.anyone || trust === "verified") return null;
    return refuse("trunk-unknown", "browsers without a join token are not taken: web.callers");
  }
}

function ticketOf({ token }: PageSource): JoinTicket | null {
  return token !== null && "ticket" in token ? token.ticket : null;
}

function infoOf(message: JoinMessage, source: PageSource, id: string): LegInfo {
  const ticket = ticketOf(source);
  const name = ticket?.name ?? (message.name === "" ? "Browser" : message.name);
  return maskedInfo({
    callId: id,
    protocol: "web",
    direction: "in",
    transport: source.transport,
    address: source.address,
    from: `web:${encodeURIComponent(name)}@${source.address}`,
    to: `web:${parseDialString(message.meeting).shown || (ticket?.meeting ?? "")}`,
    displayName: name,
    userAgent: source.userAgent,
  });
}
