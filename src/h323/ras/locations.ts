import type { Millis } from "../../base/clock.ts";
import { Timers } from "../../base/machine.ts";
import type { AliasAddress, RasMessage } from "../../wire/h225/index.ts";
import { type Address, fromH225, toH225 } from "../address.ts";

/** How long neighbours have, milliseconds. */
export const LOCATION_PATIENCE = 3_000;
const MOST_QUESTIONS = 500;
const HOPS = 4;

export interface LocationPort<Q> {
  readonly identifier: string;
  readonly ras: Address;
  neighbours(): readonly Address[];
  sequence(): number;
  send(message: RasMessage, to: Address): void;
  found(question: Q, to: Address): void;
  /** No neighbour knows it, or none has answered in time. */
  failed(question: Q): void;
}

/** Questions to neighbours where an alias is (LRQ, H.225.0 7.12): the first that knows it is believed. */
export class Locations<Q> {
  readonly #port: LocationPort<Q>;
  readonly #timers = new Timers<`${number}`>();
  /** By host, whether the last question to it was answered. */
  readonly #answering = new Map<string, boolean>();
  readonly #open = new Map<number, { readonly question: Q; readonly unheard: Set<string> }>();

  constructor(port: LocationPort<Q>) {
    this.#port = port;
  }

  /** Whether that neighbour has answered the last question that is over; undefined before the first. */
  answering(host: string): boolean | undefined {
    return this.#answering.get(host);
  }

  /** False where there is nobody to ask, or too much has been asked already. */
  ask(question: Q, destinationInfo: readonly AliasAddress[], now: Millis): boolean {
    const { identifier, ras } = this.#port;
    const neighbours = this.#port.neighbours();
    if (neighbours.length === 0 || this.#open.size >= MOST_QUESTIONS) return false;
    const requestSeqNum = this.#port.sequence();
    this.#open.set(requestSeqNum, { question, unheard: new Set(neighbours.map((n) => n.host)) });
    this.#timers.set(`${requestSeqNum}`, now + LOCATION_PATIENCE);
    const sourceInfo = [{ "h323-ID": identifier }];
    const locationRequest = { requestSeqNum, destinationInfo, replyAddress: toH225(ras), sourceInfo, canMapAlias: true, hopCount: HOPS };
    for (const neighbour of neighbours) this.#port.send({ locationRequest }, neighbour);
    return true;
  }

  /** LCF or LRJ; of others than those asked it is not heard. */
  answered({ locationConfirm: lcf, locationReject: lrj }: RasMessage, from: Address): void {
    const sequence = lcf?.requestSeqNum ?? lrj?.requestSeqNum ?? 0;
    const open = this.#open.get(sequence);
    if (open === undefined || !open.unheard.delete(from.host)) return;
    this.#answering.set(from.host, true);
    const to = fromH225(lcf?.callSignalAddress);
    if (to === undefined && open.unheard.size > 0) return;
    this.#open.delete(sequence);
    this.#timers.clear(`${sequence}`);
    if (to === undefined) this.#port.failed(open.question);
    else this.#port.found(open.question, to);
  }

  nextTimeout(): Millis | undefined {
    return this.#timers.next();
  }

  timeout(now: Millis): void {
    for (const name of this.#timers.expire(now)) {
      const open = this.#open.get(Number(name));
      this.#open.delete(Number(name));
      if (open === undefined) continue;
      for (const host of open.unheard) this.#answering.set(host, false);
      this.#port.failed(open.question);
    }
  }
}
