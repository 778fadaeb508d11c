import { answerChallenges, type Credentials, isStale } from "../../wire/sip/index.ts";
import type { Headers, SipMessage } from "./drachtio.ts";

/** A request that is challenged is sent again so often: for a proxy and the far end behind it, each with one nonce that was too old. */
const ROUNDS = 4;
/** Nonces whose counts are remembered, the latest: a registration is challenged with a new one each time, for years. */
const NONCES = 16;

/** What of a request its challenge is answered with. */
export interface ChallengedRequest extends SipMessage {
  readonly method: string;
  readonly uri: string;
}

/** A final response, as far as it can be a challenge. */
export interface Challenge extends Pick<SipMessage, "get"> {
  readonly status: number;
}

/**
 * Answers challenges to one request and those that follow it (RFC 3261 section 22). drachtio-srf has an answer of its own that knows MD5 and one
 * challenge only; carriers ask by SHA-256 and for `auth-int` too.
 */
export class Authentication {
  readonly #credentials: Credentials;
  readonly #counts = new Map<string, number>();
  #rounds = 0;
  #answers: Record<string, string> = {};

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  /** A request that is nothing to do with those before: its challenges are new. */
  restart(): void {
    this.#rounds = 0;
    this.#answers = {};
  }

  /**
   * Fields of the request that follows a 401 or 407: credentials, the next CSeq, the same Call-ID and From. Undefined where the response is no
   * challenge, or says that the credentials are wrong.
   */
  answer(request: ChallengedRequest, response: Challenge): Headers | undefined {
    const { status } = response;
    if ((status !== 401 && status !== 407) || ++this.#rounds > ROUNDS) return undefined;
    const proxy = status === 407;
    const name = proxy ? "Proxy-Authorization" : "Authorization";
    const challenges = splitChallenges(response.get(proxy ? "Proxy-Authenticate" : "WWW-Authenticate") ?? "");
    // asked again by the same one: the password is wrong, unless only the nonce was too old
    if (this.#answers[name] !== undefined && !isStale(challenges)) return undefined;
    const nonce = /nonce="([^"]*)"/i.exec(challenges[0] ?? "")?.[1] ?? "";
    const nc = (this.#counts.get(nonce) ?? 0) + 1;
    this.#counts.delete(nonce);
    this.#counts.set(nonce, nc);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > NONCES && oldest !== undefined) this.#counts.delete(oldest);
    const covered = { method: request.method, uri: request.uri, body: request.body };
    const answers = answerChallenges(challenges, this.#credentials, covered, { nc });
    if (answers.length === 0) return undefined;
    this.#answers[name] = answers.join(`\r\n${name}: `);
    const seq = Number.parseInt(request.get("CSeq") ?? "", 10);
    return {
      ...this.#answers,
      CSeq: `${(Number.isNaN(seq) ? 1 : seq) + 1} ${request.method}`,
      "Call-ID": request.get("Call-ID") ?? "",
      From: request.get("From") ?? "",
    };
  }
}

/** Several challenges in one value, as drachtio-srf joins fields of one name. */
function splitChallenges(value: string): string[] {
  return value
    .split(/,(?=\s*(?:Digest|Basic|NTLM|Kerberos)\s)/i)
    .map((one) => one.trim())
    .filter((one) => one !== "");
}
