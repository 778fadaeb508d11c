import type { Millis } from "../../base/clock.ts";
import type { ControlMessage, GenericMessage, GenericParameter } from "../../wire/h245/index.ts";
import { hasParameter, logical, numberOf, OID, unsignedMin } from "./generic.ts";
import type { ControlPort } from "./types.ts";

/** Sub-messages, H.239 table 11. */
const SUB = { flowRequest: 1, flowResponse: 2, request: 3, response: 4, release: 5, owner: 6 } as const;
/** Parameters, H.239 tables 12 to 17. */
const BIT_RATE = 41;
const CHANNEL = 42;
const SYMMETRY = 43;
const LABEL = 44;
const ACKNOWLEDGE = 126;
const REJECT = 127;

/** Our request for the token is given up after so many ms. */
const PATIENCE = 5_000;
/** Draws after numbers that were equal. */
const ATTEMPTS = 5;

/** Who holds the token of the presentation, as far as this call goes. */
export type TokenOwner = "nobody" | "us" | "peer";

type Kind = "request" | "response" | "command" | "indication";

/**
 * H.239's token: one end presents at a time (clause 11). The peer's wish is told to the owner of the machine, who grants or denies it; our own is asked of
 * the peer, who gives up its own presentation with its yes. Without an MC there are no terminal labels: 0.
 */
export class Presentation {
  readonly #port: ControlPort;
  readonly #draw: () => number;
  #owner: TokenOwner = "nobody";
  /** Our request under way. */
  #asked: { readonly symmetry: number; readonly until: Millis; readonly channel: number; readonly attempt: number } | undefined;
  /** The peer's request that waits for an answer: its channel. */
  #wanted: number | undefined;

  /** `draw` yields a random number below 2^24. */
  constructor(port: ControlPort, draw: () => number) {
    this.#port = port;
    this.#draw = draw;
  }

  get owner(): TokenOwner {
    return this.#owner;
  }

  nextTimeout(): Millis | undefined {
    return this.#asked?.until;
  }
  timeout(now: Millis): void {
    if (this.#asked === undefined || this.#asked.until > now) return;
    this.#asked = undefined;
    this.#port.emit({ type: "presentation-answered", granted: false });
  }

  /** We want to present; `channel` is the number of the channel it will be in. */
  request(channel: number, now: Millis, attempt = 1): void {
    if (this.#owner === "us" || (this.#asked !== undefined && attempt === 1)) return;
    const symmetry = (this.#draw() % 127) + 1;
    this.#asked = { symmetry, until: now + PATIENCE, channel, attempt };
    this.#send("request", SUB.request, [unsignedMin(LABEL, 0), unsignedMin(CHANNEL, channel), unsignedMin(SYMMETRY, symmetry)]);
  }

  /** We present no longer, or want to no longer. */
  release(channel: number): void {
    this.#asked = undefined;
    if (this.#owner !== "us") return;
    this.#owner = "nobody";
    this.#send("command", SUB.release, [unsignedMin(LABEL, 0), unsignedMin(CHANNEL, channel)]);
  }

  /** The peer may present, as it wished; what we presented ends. */
  grant(): void {
    const channel = this.#wanted;
    if (channel === undefined) return;
    this.#wanted = undefined;
    this.#owner = "peer";
    this.#send("response", SUB.response, [logical(ACKNOWLEDGE), unsignedMin(LABEL, 0), unsignedMin(CHANNEL, channel)]);
  }
  deny(): void {
    const channel = this.#wanted;
    if (channel === undefined) return;
    this.#wanted = undefined;
    this.#refuse(channel);
  }

  /** Asks the peer to lift its limits on a channel of ours before we send more in it (clause 11.1). */
  requestFlowRelease(channel: number, bitsPerSecond: number): void {
    const rate = Math.min(65_535, Math.floor(bitsPerSecond / 100));
    this.#send("request", SUB.flowRequest, [unsignedMin(CHANNEL, channel), unsignedMin(BIT_RATE, rate)]);
  }

  /** Takes a generic message; false when it is none of H.239's. */
  handle(kind: Kind, message: GenericMessage, now: Millis): boolean {
    if (message.messageIdentifier.standard !== OID.h239Message) return false;
    const content = message.messageContent;
    const sub = message.subMessageIdentifier;
    if (kind === "request" && sub === SUB.request) this.#wished(numberOf(content, CHANNEL) ?? 0, numberOf(content, SYMMETRY) ?? 0, now);
    else if (kind === "response" && sub === SUB.response) this.#answered(hasParameter(content, ACKNOWLEDGE));
    else if (kind === "command" && sub === SUB.release) this.ended();
    else if (kind === "request" && sub === SUB.flowRequest)
      this.#send("response", SUB.flowResponse, [logical(ACKNOWLEDGE), unsignedMin(CHANNEL, numberOf(content, CHANNEL) ?? 0)]);
    else if (kind === "response" && sub === SUB.flowResponse)
      this.#port.emit({ type: "flow-release-answered", accepted: hasParameter(content, ACKNOWLEDGE) });
    // A request that H.239 has not is answered as any other that is not known.
    else if (kind === "request") return false;
    return true;
  }

  /** The peer presents no longer: it said so, or has closed its channel. */
  ended(): void {
    this.#wanted = undefined;
    if (this.#owner !== "peer") return;
    this.#owner = "nobody";
    this.#port.emit({ type: "presentation-over" });
  }

  #wished(channel: number, symmetry: number, now: Millis): void {
    const asked = this.#asked;
    if (asked !== undefined) {
      // Both at once: the greater number wins, equal ones draw again (clause 11.2).
      if (symmetry <= asked.symmetry) this.#refuse(channel);
      if (symmetry === asked.symmetry && asked.attempt < ATTEMPTS) this.request(asked.channel, now, asked.attempt + 1);
      if (symmetry <= asked.symmetry) return;
      this.#asked = undefined;
      this.#port.emit({ type: "presentation-answered", granted: false });
    }
    this.#wanted = channel;
    // Who presents already and asks again is told yes again.
    if (this.#owner === "peer") this.grant();
    else this.#port.emit({ type: "presentation-wanted" });
  }

  #answered(granted: boolean): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    this.#asked = undefined;
    if (granted) {
      const before = this.#owner;
      this.#owner = "us";
      if (before === "peer") this.#port.emit({ type: "presentation-over" });
      this.#send("indication", SUB.owner, [unsignedMin(LABEL, 0), unsignedMin(CHANNEL, asked.channel)]);
    }
    this.#port.emit({ type: "presentation-answered", granted });
  }

  #refuse(channel: number): void {
    this.#send("response", SUB.response, [logical(REJECT), unsignedMin(LABEL, 0), unsignedMin(CHANNEL, channel)]);
  }

  #send(kind: Kind, subMessageIdentifier: number, messageContent: readonly GenericParameter[]): void {
    const message: GenericMessage = { messageIdentifier: { standard: OID.h239Message }, subMessageIdentifier, messageContent };
    const wrapped: Readonly<Record<Kind, ControlMessage>> = {
      request: { request: { genericRequest: message } },
      response: { response: { genericResponse: message } },
      command: { command: { genericCommand: message } },
      indication: { indication: { genericIndication: message } },
    };
    this.#port.send(wrapped[kind]);
  }
}
