import type { Millis } from "../../base/clock.ts";
import { Timers } from "../../base/machine.ts";
import type { RasMessage } from "../../wire/h225/index.ts";
import { hex } from "../call/messages.ts";
import type { AdmissionQuestion } from "./client-types.ts";

type InfoRequest = NonNullable<RasMessage["infoRequest"]>;
type Report = Pick<NonNullable<RasMessage["infoRequestResponse"]>, "perCallInfo" | "irrStatus">;
interface Call {
  readonly question: AdmissionQuestion;
  /** How often the gatekeeper wants to hear of it, milliseconds; undefined: only when it asks. */
  readonly every: Millis | undefined;
}

/** Calls that a gatekeeper has admitted, as it is told of them (IRR, H.225.0 7.15). */
export class AdmittedCalls {
  readonly #calls = new Map<string, Call>();
  readonly #timers = new Timers<string>();

  get size(): number {
    return this.#calls.size;
  }

  add(question: AdmissionQuestion, irrFrequency: number | undefined, now: Millis): void {
    const every = irrFrequency === undefined || irrFrequency === 0 ? undefined : irrFrequency * 1000;
    this.#calls.set(question.callIdentifier, { question, every });
    if (every !== undefined) this.#timers.set(question.callIdentifier, now + every);
  }
  delete(callIdentifier: string): void {
    this.#calls.delete(callIdentifier);
    this.#timers.clear(callIdentifier);
  }
  clear(): void {
    this.#calls.clear();
    this.#timers.clearAll();
  }

  /** What an IRQ is answered: the call it names, or all (call reference 0). */
  answer({ callReferenceValue, callIdentifier }: InfoRequest): Report {
    if (callReferenceValue === 0) return this.#report([...this.#calls.values()]);
    const identifier = callIdentifier === undefined ? undefined : hex(callIdentifier.guid);
    const asked = [...this.#calls.values()].filter(
      ({ question }) =>
        question.callIdentifier === identifier || (identifier === undefined && question.callReference === callReferenceValue),
    );
    return asked.length === 0 ? { irrStatus: { invalidCall: true } } : this.#report(asked);
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  /** Calls the gatekeeper wants to hear of now, unasked. */
  due(now: Millis): Report[] {
    return this.#timers.expire(now).flatMap((callIdentifier) => {
      const call = this.#calls.get(callIdentifier);
      if (call?.every === undefined) return [];
      this.#timers.set(callIdentifier, now + call.every);
      return [this.#report([call])];
    });
  }

  #report(calls: readonly Call[]): Report {
    return {
      perCallInfo: calls.map(({ question }) => ({
        callReferenceValue: question.callReference,
        conferenceID: Buffer.from(question.conferenceId, "hex"),
        originator: !question.answer,
        h245: {},
        callSignaling: {},
        callType: { pointToPoint: true } as const,
        bandWidth: question.bandwidth,
        callModel: { direct: true } as const,
        callIdentifier: { guid: Buffer.from(question.callIdentifier, "hex") },
        substituteConfIDs: [],
      })),
    };
  }
}
