import type { Logger } from "pino";
import type { DigitWay } from "../../legs/h323/description.ts";
import { H323Leg } from "../../legs/h323/h323-leg.ts";
import { type LegInfo, maskedInfo } from "../../legs/leg.ts";
import { aliasText, type IncomingCall } from "../../h323/index.ts";
import type { H323Session } from "../../io/index.ts";
import type { Dialled } from "../../meetings/dial-string.ts";
import type { MediaPolicy } from "../../negotiation/index.ts";
import type { Trunk } from "../../trunks/model.ts";
import { mediaPolicy } from "../call/answer.ts";
import type { Call } from "../call/call.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";
import type { GatewayConfig } from "../options.ts";
import type { IncomingAdapter, TrunkCaller, Wanted } from "../incoming-call.ts";
import { dialledOf } from "./dialled.ts";
import { type Membership, NotAdmitted } from "./gatekeeper-registration.ts";
import type { H323Traversal } from "./traversal.ts";

/** What calls by H.323 need of the gateway. */
export interface H323IncomingParts {
  readonly config: GatewayConfig;
  readonly digits: readonly DigitWay[];
  readonly traversal: H323Traversal | undefined;
  readonly membership: Membership | undefined;
  readonly log: Logger;
  /** Whether the gateway takes calls for a number. */
  readonly known: (number: string) => boolean;
  /** Why the caller is refused for a token that is made with another password than its name has. */
  readonly wrongPassword: () => GatewayRefusal | null;
}

/** A Setup as an incoming call. */
export class H323Incoming implements IncomingAdapter {
  readonly info: LegInfo;
  readonly caller: TrunkCaller;
  readonly #parts: H323IncomingParts;
  readonly #session: H323Session;
  readonly #incoming: IncomingCall;
  readonly #dialled: Dialled;
  #leg: H323Leg | undefined;

  constructor(parts: H323IncomingParts, session: H323Session, incoming: IncomingCall) {
    this.#parts = parts;
    this.#session = session;
    this.#incoming = incoming;
    this.#dialled = dialledOf(incoming, parts.known);
    this.info = infoOf(session, incoming, this.#dialled);
    const { transport, certificate: peer } = session;
    const evidence = { transport, address: this.info.address, peer, authorization: undefined, method: "INVITE" };
    // A digest cannot be asked for in call signalling: a trunk that demands one has no H.323 callers.
    this.caller = {
      kind: "trunk",
      evidence,
      challenges: false,
      suspicion: () => parts.wrongPassword(),
    };
  }

  open(trunk: Trunk | null): H323Leg {
    const session = this.#session;
    if (trunk !== null) session.act((machine) => machine.setEncryption(trunk.srtp));
    const relay = needsRelay(session) ? this.#parts.traversal?.relays(session) : undefined;
    this.#leg = new H323Leg(session, this.info, {
      digits: this.#parts.digits,
      relay,
      noCommonPicture: (theirs) => tellNoCommonPicture(this.#parts.log, this.info.callId, theirs),
    });
    return this.#leg;
  }

  objection(trunk: Trunk): GatewayRefusal | null {
    if (trunk.srtp !== "required" || this.#incoming.encryption) return null;
    return refuse("srtp-required", `trunk ${trunk.name} requires encrypted media, and the caller offers none that we have (H.235.6)`);
  }

  dialled(): Dialled {
    return this.#dialled;
  }

  wanted(_: Call, trunk: Trunk): Wanted {
    return { dialled: this.#dialled, from: trunk, role: null };
  }

  /** A call that a gatekeeper has sent here: ours is asked whether we may answer it. */
  async prepare(call: Call): Promise<GatewayRefusal | null> {
    const { membership } = this.#parts;
    const { admitted, callIdentifier, conferenceId, callReference, called } = this.#incoming;
    if (!membership?.registered || !(admitted || membership.routes(this.#session.peer.host))) return null;
    try {
      const admission = await membership.admit({ callIdentifier, conferenceId, callReference, destination: called, answer: true });
      if (call.over) membership.released(admission);
      else call.once("ended", () => membership.released(admission));
      return null;
    } catch (error) {
      if (!(error instanceof NotAdmitted)) throw error;
      return refuse("trunk-limit", error.message, { cause: error.q850 });
    }
  }

  mediaPolicy(trunk: Trunk): MediaPolicy {
    return towardsMediaServer(this.#parts.config, trunk, this.info.transport);
  }

  refuse(refusal: GatewayRefusal): void {
    this.#leg?.refuse(refusal);
  }
}

/** The far end's own encryption ends before the media server, which sees plain RTP. */
export function towardsMediaServer(config: GatewayConfig, trunk: Trunk, transport: string): MediaPolicy {
  return { ...mediaPolicy(config, { ...trunk, srtp: "none" }, transport), asymmetric: true };
}

/** The log says why a room that has a camera is neither seen nor sees. */
export function tellNoCommonPicture(log: Logger, callId: string, theirs: readonly string[]): void {
  log.warn(
    { event: "h323-no-common-picture", callId, theirs },
    `no pictures with this far end: it has ${theirs.join(", ")}, and H.264 is what is relayed`,
  );
}

/** Media that the media server does not see as they are. */
function needsRelay({ machine }: H323Session): boolean {
  return machine.encrypts || machine.traversal !== undefined;
}

function infoOf(session: H323Session, incoming: IncomingCall, dialled: Dialled): LegInfo {
  const name = incoming.calling.map(aliasText).find((text) => text !== "") ?? incoming.callingNumber ?? "";
  const { host } = session.peer;
  return maskedInfo({
    callId: incoming.callIdentifier,
    protocol: "h323",
    direction: "in",
    transport: session.transport,
    address: host,
    from: name === "" ? `h323:${host}` : `h323:${name}@${host}`,
    to: `h323:${dialled.shown}`,
    displayName: incoming.displayName || name || host,
    userAgent: incoming.product,
  });
}
