import { ChangeRefused, NoAnswer } from "../../legs/leg.ts";
import { type AcceptableOffer, MediaExchange, MediaRefused, readOffer } from "../../call-media/offer-answer.ts";
import { Digits } from "../../ivr/digits.ts";
import type { JoinInput, JoinSetup, MeetingFacts } from "../../ivr/join-types.ts";
import type { Dialled } from "../../meetings/dial-string.ts";
import { parseDialString } from "../../meetings/dial-string.ts";
import type { Meeting, Role } from "../../meetings/model.ts";
import { keysMayTravel, type MediaPolicy } from "../../negotiation/index.ts";
import type { SrtpSuiteName } from "../../srtp/index.ts";
import { accessNumbersOf, type NumberedTrunk } from "../../trunks/access-numbers.ts";
import type { Trunk } from "../../trunks/model.ts";
import type { LiveMeetings } from "../meeting/active-meetings.ts";
import type { GatewayConfig } from "../options.ts";
import { type GatewayRefusal, refuse, refuseMedia } from "./refusals.ts";
import type { Call, Destination } from "./call.ts";
import type { Handover } from "./handover.ts";
import { JoinRunner } from "../meeting/join-runner.ts";
import { PinChecks, type PinChecksParts } from "./pin-checks.ts";
import { type Settings, timingsOf, trunkNamed } from "../settings.ts";
import type { Clock } from "../../base/clock.ts";
import type { MediaPort } from "../../call-media/media-server.ts";
import type { GatewayMetrics } from "../options.ts";
import { firstMeeting, type MemoryDirectory } from "../../meetings/directory.ts";
import type { CallLines } from "./video-streams.ts";

/** What SRTP, codecs and the sources of media are decided by, for a leg of this trunk. `source`: the address its signalling comes from. */
export function mediaPolicy(config: GatewayConfig, trunk: Trunk, transport: string, source?: string): MediaPolicy {
  const codecs = trunk.codecs ?? config.codecs;
  return {
    policy: trunk.srtp,
    transport,
    privateNetwork: trunk.privateNetwork,
    latch: trunk.media?.latch ?? "source",
    ...(source === undefined ? {} : { source }),
    ...(trunk.suites ? { allowedSuites: trunk.suites as readonly SrtpSuiteName[] } : {}),
    ...(codecs ? { codecs } : {}),
  };
}

/** What the join dialogue needs to know of a meeting. */
export function factsOf(meeting: Meeting): MeetingFacts {
  return {
    id: meeting.id,
    language: meeting.language,
    hasGuestPin: meeting.guestPin !== null,
    hasHostPin: meeting.hostPin !== null,
    askName: meeting.announcements === "names",
  };
}

/** Of callers whom no trunk recognises. */
const NO_TRUNK: NumberedTrunk = { name: "", tenant: null };

/** What decides which meetings a caller may come to: its trunk, or what stands for one. */
export type CalledFrom = Pick<Trunk, "name" | "tenant" | "siteUuids" | "dialling">;

/** Why a meeting that a caller has asked for by number takes no more. */
type ClosedOutcome = "end-to-end-encrypted" | "meeting-full" | "meeting-locked";

/** How callers are answered, and where they are led. */
export interface ReceptionParts extends PinChecksParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly media: MediaPort;
  readonly metrics: GatewayMetrics;
  readonly directory: MemoryDirectory;
  /** File of a prompt as the media server sees it. */
  readonly promptsRoot: string;
  /** Folder of spoken names, as the media server sees it. */
  readonly namesFolder: string;
  readonly meetings: LiveMeetings;
  readonly callLines: CallLines;
}

/**
 * Receives callers whose trunk is known: finds the meeting, refuses what can be refused before answering, brings up media, and leads the caller through the
 * join dialogue.
 */
export class Reception {
  readonly #parts: ReceptionParts;
  readonly #pins: PinChecks;
  readonly #runners = new WeakMap<Call, JoinRunner>();

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.#pins = new PinChecks(parts);
  }

  /** Identifier of the meeting whose number was dialled; null for none. Tells nobody, and admits nobody. */
  async meetingCalled({ number }: Dialled, trunk: NumberedTrunk | null): Promise<string | null> {
    const { meetings } = accessNumbersOf(this.#parts.settings.config).locate(number, trunk ?? NO_TRUNK);
    return (await firstMeeting(this.#parts.directory, meetings, trunk?.tenant ?? null))?.id ?? null;
  }

  /** Finds what was dialled, and notes its meeting with the call; or says why it is refused. `granted` is the role of a caller who needs no PIN. */
  async destination(call: Call, dialled: Dialled, trunk: CalledFrom, granted: Role | null = null): Promise<Destination | GatewayRefusal> {
    const { config } = this.#parts.settings;
    if (trunk.siteUuids && dialled.siteUuid !== null && !trunk.siteUuids.some((uuid) => uuid.toLowerCase() === dialled.siteUuid)) {
      call.calledMeeting = await this.meetingCalled(dialled, trunk);
      return refuse("unknown-site", `x-cisco-site-uuid ${dialled.siteUuid.slice(0, 64)} is none of trunk ${trunk.name}'s`);
    }
    const { access, asks, meetings } = accessNumbersOf(config).locate(dialled.number, trunk);
    const language = access?.language ?? null;
    const meeting = await firstMeeting(this.#parts.directory, meetings, trunk.tenant);
    const pin = dialled.pin === null ? null : new Digits(dialled.pin);
    if (access) call.log.info({ event: "access-number", number: access.number, cost: access.cost }, "came by an access number");
    if (asks) return { meeting: null, pin: null, role: null, language };
    if (!meeting) return refuse("no-such-meeting", `no meeting of trunk ${trunk.name}'s has the number ${dialled.shown.slice(0, 64)}`);
    call.calledMeeting = meeting.id;
    if (meeting.endToEndEncrypted) return refuse("end-to-end-encrypted", `meeting ${meeting.id} is end-to-end encrypted`);
    if (granted === null && this.#pins.closed(meeting, call))
      return refuse("pin-locked-out", `meeting ${meeting.id} is closed to PIN entry: too many wrong PINs`);
    const locked = this.#parts.meetings.refuses(meeting, granted);
    if (locked === null) return { meeting, pin: granted === null ? pin : null, role: granted, language };
    // a host may pass a lock; who it is can only be told by a PIN that came along
    const result = granted !== null || pin === null || locked === "full" ? null : await this.#pins.check(meeting, call, pin);
    if (result === "busy") return refuse("overload", `too many PINs for meeting ${meeting.id} wait to be compared`);
    const role = result === "closed" ? null : result;
    const refusal = this.#parts.meetings.refuses(meeting, role);
    if (refusal === null && result !== "closed") return { meeting, pin: null, role, language };
    return refuse(refusal === "full" ? "meeting-full" : "meeting-locked", `meeting ${meeting.id} is ${refusal ?? "locked"}`);
  }

  /** Reads the offer before anything is opened for it. Null: there is none, we make it. */
  offer(call: { readonly offer: string | null }, context: MediaPolicy): AcceptableOffer | null | GatewayRefusal {
    if (call.offer === null) return null;
    const read = readOffer(call.offer, context);
    if (read.kind === "unreadable")
      return refuse("bad-request", `the offer is no session description: ${read.text}`, { text: "Unreadable session description" });
    return read.kind === "refuse" ? refuseMedia(read) : read;
  }

  /** Brings up the media and answers. Resolves when the call is up, or is over because the caller gave up; with a refusal when there are no media for it. */
  async answer(call: Call, accepted: AcceptableOffer | null, context: MediaPolicy): Promise<GatewayRefusal | null> {
    let exchange: MediaExchange;
    const { callLines } = this.#parts;
    const beside = callLines.beside(call.trunk, call.leg.info.protocol);
    const { sides } = beside;
    callLines.attach(call, beside);
    try {
      exchange = accepted
        ? await MediaExchange.answering(this.#parts.media, context, accepted, sides)
        : await MediaExchange.offering(this.#parts.media, context, {
            answer: "soon",
            // what is preferred is offered, too: by a line that may be answered without keys
            secure:
              context.policy === "required" || (call.leg.info.protocol === "sip" && context.policy !== "none" && keysMayTravel(context)),
            sides,
          });
    } catch (error) {
      return mediaRefusal(error);
    }
    call.carry(exchange);
    if (call.over) return null;
    try {
      const answer = await call.leg.answer(exchange.localSdp);
      if (call.over) return null;
      await exchange.acknowledged();
      call.answered();
      this.#parts.metrics.stage("answered", call.age);
      if (answer !== null) await completeExchange(call, exchange, answer, context);
      this.#follow(call);
    } catch (error) {
      // the leg has said how it ended; where it has not, the answer to our offer was of no use
      const refusal = call.leg.answered ? mediaRefusal(error) : refuse("internal-error", String(error));
      void call.end(refusal.code, refusal.reason, { cause: refusal.cause });
    }
    return null;
  }

  /**
   * The call is up: the join dialogue begins. `role` is known of those we called. With `handover` it goes on where another call stands, and takes that call's
   * place: in the conference first, then the other is ended.
   */
  lead(
    call: Call,
    { meeting, pin, role, unnamed = false }: Destination,
    language: JoinSetup["language"] | null,
    { invited = false, handover }: { readonly invited?: boolean; readonly handover?: Handover } = {},
  ): void {
    const place = handover?.place;
    call.destination = null;
    const { settings, clock, promptsRoot, namesFolder, metrics } = this.#parts;
    const { config } = settings;
    const runner: JoinRunner = new JoinRunner({
      call,
      clock,
      promptsRoot,
      namesFolder,
      onFirstPrompt: () => metrics.stage("first-prompt", call.age),
      setup: {
        language: language ?? config.language,
        languageChosen: language !== null,
        meeting: meeting && factsOf(meeting),
        dialledPin: pin,
        role,
        unnamed,
        ...handover?.setup,
        timings: timingsOf(config.ivr),
      },
      delegate: {
        lookUp: (number) => this.#lookUp(call, number, runner),
        checkPin: (digits) =>
          this.checkPin(call.meetingId === null ? null : (this.#parts.directory.get(call.meetingId) ?? null), call, digits),
        admission: (as) => ({ type: "admission", to: this.#parts.meetings.admission(call, as) }),
        join: async () => {
          await this.#parts.meetings.join(call, runner);
          if (handover && place?.joined) this.#relieve(handover.from, call);
        },
        menu: (action) => this.#parts.meetings.menu(call, action),
        isHost: () => this.#parts.meetings.isHost(call),
        state: (state) => {
          call.emit("dialogue", state);
          if (state === "lobby" || state === "waiting") call.state = state;
          else if (state === "naming") this.#parts.meetings.named(call);
          else if (state === "number" || state === "pin") call.state = "ivr";
        },
        hangUp: (outcome, reason) => void call.end(outcome, reason),
      },
    });
    call.once("ended", () => {
      runner.stop();
      this.#parts.meetings.leave(call);
    });
    call.state = "ivr";
    this.#runners.set(call, runner);
    if (meeting && handover && place) this.#parts.meetings.takeOver(meeting, call, runner, { from: handover.from, place });
    else if (meeting) this.#parts.meetings.arrive(meeting, call, runner, invited);
    runner.start();
    if (handover && !place?.joined) this.#relieve(handover.from, call);
  }

  /** What leads a caller through the dialogue; undefined before the call is up. */
  runnerOf(call: Call): JoinRunner | undefined {
    return this.#runners.get(call);
  }

  /** Another call has taken this one's place: it ends, and nobody is told that somebody leaves. */
  #relieve(from: Call, by: Call): void {
    if (from.over) return;
    this.#parts.meetings.relieved(from);
    void from.end("completed", `replaced by call ${by.id}`);
  }

  /** Later offers of the far end: hold, resume, new addresses and keys, or none but a question for ours. */
  #follow(call: Call): void {
    const askForKeys = () => call.media?.telephoneEvents(call.leg.telephoneEvents);
    call.leg.on("telephone-events", askForKeys);
    askForKeys();
    call.leg.on("refreshed", (answer) => this.#refreshed(call, answer));
    call.leg.on("change", (change) => {
      const exchange = call.media;
      if (!exchange || call.over) return change.reject(41, "the call is over");
      const { offer } = change;
      exchange.cameFrom(call.leg.source);
      if (offer === null) {
        exchange.reoffer().then(
          (sdp) =>
            change.accept(sdp).then(
              async (answer) => {
                if (!(await applyAnswer(call, exchange, answer))) change.withdrawn?.(exchange.withdrawOffer());
              },
              (error: unknown) => {
                answerLost(call)(error);
                change.withdrawn?.(exchange.withdrawOffer());
              },
            ),
          (error: unknown) => change.reject(mediaRefusal(error).cause, "no offer can be made"),
        );
        return;
      }
      exchange.reanswer(offer, change.switches).then(
        (answer) => change.accept(answer),
        (error: unknown) => {
          const refusal = mediaRefusal(error);
          call.log.warn({ event: "media-change-refused", code: refusal.code, reason: refusal.reason }, "a change of media was refused");
          change.reject(refusal.cause, refusal.text);
        },
      );
    });
  }

  /** The far end's answer to a session refresh of ours: it may have moved, or changed its keys. */
  #refreshed(call: Call, answer: string): void {
    if (call.media && !call.over) void applyAnswer(call, call.media, answer);
  }

  /** Calls whose leg was not answered by us: we made them. */
  follow(call: Call): void {
    this.#follow(call);
  }

  async #lookUp(call: Call, number: Digits, runner: JoinRunner): Promise<JoinInput> {
    // they had found another one, which has closed to PINs meanwhile
    if (call.meetingId !== null) this.#parts.meetings.leave(call);
    const found = await this.find(call, number);
    if (typeof found === "string") return { type: "found-closed", outcome: found };
    if (found) this.#parts.meetings.arrive(found, call, runner, false);
    return { type: "found", meeting: found && factsOf(found) };
  }

  /** The meeting of a number that was typed: null where there is none for this caller, or why the caller cannot be in it. */
  async find(call: Call, number: Digits): Promise<Meeting | null | ClosedOutcome> {
    const tenant = trunkNamed(this.#parts.settings.config, call.trunk)?.tenant ?? null;
    const meeting = await this.#parts.directory.find(parseDialString(number.reveal()).number, tenant);
    if (call.over || !meeting || this.#pins.closed(meeting, call)) return null;
    call.calledMeeting = meeting.id;
    if (meeting.endToEndEncrypted) return "end-to-end-encrypted";
    const refusal = this.#parts.meetings.refuses(meeting, null);
    return refusal === null ? meeting : refusal === "full" ? "meeting-full" : "meeting-locked";
  }

  /** Compares a PIN that was typed for this meeting, and counts it; `closed` where the meeting is gone. */
  async checkPin(meeting: Meeting | null, call: Call, digits: Digits): Promise<JoinInput> {
    return { type: "pin-checked", role: meeting ? await this.#pins.check(meeting, call, digits) : "closed" };
  }
}

/** Takes the answer to an offer of ours; where it declines SRTP that was only preferred, offers anew without. Rejects with MediaRefused or ChangeRefused. */
export async function completeExchange(call: Call, exchange: MediaExchange, answer: string, { policy }: MediaPolicy): Promise<void> {
  let again: string | null;
  exchange.cameFrom(call.leg.source);
  try {
    again = await exchange.complete(answer);
  } catch (error) {
    if (policy === "required" || !(error instanceof MediaRefused) || error.refusal.code !== "srtp-answer-mismatch") throw error;
    const plain = await exchange.offerPlain();
    call.watch();
    again = await exchange.complete(await call.leg.change(plain));
  }
  // what the media server has decided since, once; a server that changes its keys at every answer would never come to rest
  if (again !== null) await exchange.reanswered(await call.leg.change(again));
}

/** Takes the far end's answer to an offer of ours in mid-call; false where it is of no use, and the call goes on as it was. */
async function applyAnswer(call: Call, exchange: MediaExchange, answer: string | null): Promise<boolean> {
  if (answer === null) return true;
  exchange.cameFrom(call.leg.source);
  try {
    const again = await exchange.reanswered(answer);
    if (again !== null) await exchange.reanswered(await call.leg.change(again));
    return true;
  } catch (error) {
    answerLost(call)(error);
    return false;
  }
}

function answerLost(call: Call): (error: unknown) => void {
  return (error) => call.log.warn({ event: "media-change-failed", err: error }, "the answer to our offer was of no use");
}

/** What a failure to bring up media means for the caller. */
export function mediaRefusal(error: unknown): GatewayRefusal {
  if (error instanceof ChangeRefused)
    return refuse("far-end-refused", `the far end refuses the change of media the call needs: ${error.message}`, { cause: error.q850 });
  if (error instanceof NoAnswer) return refuse("media-not-acceptable", error.message);
  if (error instanceof MediaRefused) return refuseMedia(error.refusal);
  return refuse("media-server-lost", `the media server does not take the call: ${error instanceof Error ? error.message : String(error)}`);
}
