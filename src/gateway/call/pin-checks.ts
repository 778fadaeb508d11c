import type { Digits } from "../../ivr/digits.ts";
import type { Meeting, Role } from "../../meetings/model.ts";
import { roleOfPin } from "../../meetings/pin.ts";
import type { VerifiedCaller } from "../../meetings/pin-lockout.ts";
import { type PinJob, PinQueue } from "../../meetings/pin-queue.ts";
import type { Call } from "./call.ts";
import type { PinLockout } from "../../meetings/pin-lockout.ts";
import type { Clock } from "../../base/clock.ts";
import type { GatewayMetrics } from "../options.ts";
import type { Logger } from "pino";
import type { MemoryDirectory } from "../../meetings/directory.ts";
import type { Defence } from "../../security/defence.ts";

/** `closed`: not compared, the meeting takes no PINs of this caller. `busy`: not compared, too many wait. */
export type PinResult = Role | null | "closed" | "busy";

interface Check extends PinJob {
  readonly call: Call;
  readonly digits: Digits;
  readonly resolve: (result: PinResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What is compared, counted, and told of wrong PINs. */
export interface PinChecksParts {
  readonly lockout: PinLockout;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly log: Logger;
  readonly directory: MemoryDirectory;
  readonly defence: Defence;
}

/**
 * The one place where PINs of callers are compared, whatever protocol they come by. An attempt waits for its turn, is counted, and only then compared; a
 * call that is over before its turn is neither.
 */
export class PinChecks {
  readonly #parts: PinChecksParts;
  readonly #queue = new PinQueue<Check>();

  constructor(parts: PinChecksParts) {
    this.#parts = parts;
  }

  /** The meeting is to look to this caller as if it did not exist. Who needs no PIN to come in never sees it closed. */
  closed(meeting: Meeting, call: Call): boolean {
    return meeting.guestPin !== null && this.#parts.lockout.closed(meeting.id, verifiedCaller(call), this.#parts.clock.now());
  }

  /** Rejects when the comparison itself fails; the attempt is given back then. */
  check(meeting: Meeting, call: Call, digits: Digits): Promise<PinResult> {
    const { lockout, clock } = this.#parts;
    const caller = verifiedCaller(call);
    if (lockout.closed(meeting.id, caller, clock.now())) return Promise.resolve(this.#uncompared("locked-out"));
    return new Promise((resolve, reject) => {
      const source = call.leg.info.address;
      const dropped = this.#queue.add({ meetingId: meeting.id, source, verified: caller !== null, call, digits, resolve, reject });
      dropped?.resolve(this.#uncompared("overload"));
      this.#next();
    });
  }

  #next(): void {
    for (let check = this.#queue.next(); check !== undefined; check = this.#queue.next()) {
      const running = check;
      this.#compare(running)
        .then(running.resolve, running.reject)
        .finally(() => {
          this.#queue.done(running);
          this.#next();
        });
    }
  }

  async #compare({ meetingId, call, digits }: Check): Promise<PinResult> {
    const { lockout, clock, metrics, log, directory, defence } = this.#parts;
    const meeting = directory.get(meetingId);
    if (!meeting || call.over) return "closed";
    const reservation = lockout.reserve(meetingId, verifiedCaller(call), clock.now());
    if (!reservation) return this.#uncompared("locked-out");
    let role: Role | null;
    try {
      role = await roleOfPin(digits.reveal(), meeting);
    } catch (error) {
      reservation.settle(true, clock.now());
      throw error;
    }
    call.wrongPin = role === null;
    metrics.pin(role === null ? "wrong" : "right");
    const closes = reservation.settle(role !== null, clock.now());
    if (role === null) {
      const { address, transport } = call.leg.info;
      call.log.info({ event: "pin-wrong", meeting: meetingId, address, trust: call.trust }, "a wrong PIN");
      // a PIN dialled to a locked meeting is compared before the answer, when the sender of a datagram may still be forged
      if (transport !== "udp" || call.leg.answered) defence.offence(address, "wrong-pin", { transport });
    }
    if (closes) log.warn({ event: "pin-lockout", meeting: meetingId }, "too many wrong PINs: the meeting takes none for ten minutes");
    return role;
  }

  #uncompared(why: "locked-out" | "overload"): "closed" | "busy" {
    this.#parts.metrics.pin(why);
    return why === "overload" ? "busy" : "closed";
  }
}

/** Null for a stranger. Verified browsers come by no trunk: each address counts for itself. */
function verifiedCaller({ trust, trunk, leg }: Call): VerifiedCaller | null {
  if (trust === "unverified") return null;
  return trunk ?? `browser ${leg.info.address}`;
}
