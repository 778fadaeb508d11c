import { aliasText, type IncomingCall } from "../../h323/index.ts";
import { sourceOf } from "../../base/ip-address.ts";
import type { CredentialGuesses } from "../../trunks/credential-guesses.ts";
import type { Clock } from "../../base/clock.ts";
import type { Defence } from "../../security/defence.ts";
import type { Settings } from "../settings.ts";
import { type GatewayRefusal, refuse } from "../call/refusals.ts";
import { CLOSED_GATEKEEPER, passwordOf } from "./own-gatekeeper.ts";

export interface CallerPasswordsParts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly defence: Pick<Defence, "offence">;
}

interface Caller {
  readonly host: string;
  readonly transport: string;
  /** Under which our gatekeeper knows the caller's names: endpoints sign with it. */
  readonly endpointIdentifiers: readonly string[];
}

/**
 * Tokens in Setup (H.235.1, or the password hash of H.235.0) of callers whose name has a password in `h323.gatekeeper.endpoints`. Nobody need have one, but a wrong
 * one is a guess of that password: it is refused, counted together with guesses by RAS, and an offence.
 */
export class CallerPasswords {
  readonly #parts: CallerPasswordsParts;
  readonly #guesses: CredentialGuesses;

  constructor(parts: CallerPasswordsParts, guesses: CredentialGuesses) {
    this.#parts = parts;
    this.#guesses = guesses;
  }

  /** Why a caller is refused; null for one who has no token, a right one, or a name without password. */
  objection({ tokens, calling }: Pick<IncomingCall, "tokens" | "calling">, caller: Caller): GatewayRefusal | null {
    const { settings: its, clock, defence } = this.#parts;
    const names = calling.map(aliasText).filter((name) => name !== "");
    const settings = its.config.gatekeeper ?? CLOSED_GATEKEEPER;
    const passwords = names.map((name) => passwordOf(settings, name)).filter((password) => typeof password === "string");
    if (tokens.length === 0 || passwords.length === 0) return null;
    const now = clock.now();
    const source = sourceOf(caller.host);
    const user = names[0]!.toLowerCase();
    const wrong = (reason: string): GatewayRefusal => {
      defence.offence(caller.host, "wrong-credentials", { transport: caller.transport });
      return refuse("trunk-credentials", reason);
    };
    if (!this.#guesses.allow(source, user, now)) return wrong("too many wrong passwords: none is compared for a while");
    const expected = { senders: [...names, ...caller.endpointIdentifiers], seconds: Math.floor(clock.wall() / 1000) };
    const verdicts = tokens.flatMap((token) => passwords.map((password) => token.check({ ...expected, password })));
    if (verdicts.includes("good")) {
      this.#guesses.right(source, user, now);
      return null;
    }
    if (!verdicts.includes("wrong")) return null;
    this.#guesses.wrong(source, user, now);
    return wrong("the token in Setup proves another password, or another name, than its caller has");
  }
}
