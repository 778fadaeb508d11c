/** Which side decides when both want the same (H.245 8.2, annex C.2). */
export type Role = "master" | "slave";

const MODULUS = 0x1000000;

/** Our role by comparing terminal types, then numbers modulo 2^24; undefined when nothing can be decided (H.245 C.2). */
export function determine(
  local: { readonly terminalType: number; readonly number: number },
  remote: { readonly terminalType: number; readonly number: number },
): Role | undefined {
  if (local.terminalType !== remote.terminalType) return local.terminalType > remote.terminalType ? "master" : "slave";
  const difference = (remote.number - local.number + MODULUS) % MODULUS;
  if (difference === 0 || difference === MODULUS / 2) return undefined;
  return difference < MODULUS / 2 ? "master" : "slave";
}

/** What a step of the determination asks to be done. */
export type DeterminationAction =
  | { readonly type: "request"; readonly number: number }
  | { readonly type: "ack"; readonly decision: Role }
  | { readonly type: "reject" }
  | { readonly type: "decided"; readonly role: Role }
  | { readonly type: "failed"; readonly reason: string };

type State = "idle" | "outgoing" | "incoming";

/** Attempts with a new number before giving up (N100). */
const ATTEMPTS = 10;

/** Master/slave determination signalling entity, H.245 C.2: pure steps. Timer T106 is the owner's. */
export class Determination {
  readonly #terminalType: number;
  readonly #draw: () => number;
  #state: State = "idle";
  #number: number;
  #attempts = 0;
  #role: Role | undefined;

  /** `draw` yields a random number from 0 to 2^24 - 1. */
  constructor(terminalType: number, draw: () => number) {
    this.#terminalType = terminalType;
    this.#draw = draw;
    this.#number = draw();
  }

  get role(): Role | undefined {
    return this.#role;
  }
  /** An answer is due. */
  get waiting(): boolean {
    return this.#state !== "idle";
  }

  start(): DeterminationAction[] {
    if (this.#state !== "idle") return [];
    this.#state = "outgoing";
    this.#attempts = 1;
    return [{ type: "request", number: this.#number }];
  }

  /** The request once more, as it was. */
  repeat(): DeterminationAction[] {
    return this.#state === "outgoing" ? [{ type: "request", number: this.#number }] : [];
  }

  received(terminalType: number, number: number): DeterminationAction[] {
    const role = determine({ terminalType: this.#terminalType, number: this.#number }, { terminalType, number });
    if (role === undefined) {
      if (this.#state === "outgoing") return this.#again();
      this.#number = this.#draw();
      return [{ type: "reject" }];
    }
    this.#role = role;
    this.#state = "incoming";
    // The decision of an acknowledgement is the receiver's role (H.245 7.2.2).
    return [{ type: "ack", decision: role === "master" ? "slave" : "master" }];
  }

  acked(decision: Role): DeterminationAction[] {
    if (this.#state === "idle") return [];
    if (this.#state === "incoming") {
      this.#state = "idle";
      return decision === this.#role
        ? [{ type: "decided", role: decision }]
        : [{ type: "failed", reason: `peer says ${decision}, numbers say ${this.#role}` }];
    }
    this.#state = "idle";
    this.#role = decision;
    return [
      { type: "ack", decision: decision === "master" ? "slave" : "master" },
      { type: "decided", role: decision },
    ];
  }

  rejected(): DeterminationAction[] {
    return this.#state === "outgoing" ? this.#again() : [];
  }

  /** T106 has ended. */
  timedOut(): DeterminationAction[] {
    if (this.#state === "idle") return [];
    this.#state = "idle";
    return [{ type: "failed", reason: "no answer" }];
  }

  #again(): DeterminationAction[] {
    this.#number = this.#draw();
    if (++this.#attempts > ATTEMPTS) {
      this.#state = "idle";
      return [{ type: "failed", reason: "numbers equal too often" }];
    }
    this.#state = "outgoing";
    return [{ type: "request", number: this.#number }];
  }
}
