/**
 * Which SRTP suite a connection has: the library says it in its log only, without saying of which connection. When all that was agreed since a connection
 * began is the same, it is the connection's.
 */
export class SuiteLog {
  readonly #agreed: string[] = [];
  #dropped = 0;

  /** A line of the library's log. */
  read(message: string): void {
    const suite = /SRTP profile is: SRTP_([A-Z0-9_]+)/.exec(message)?.[1];
    if (suite === undefined) return;
    this.#agreed.push(suite);
    if (this.#agreed.length > 1_000) this.#dropped += this.#agreed.splice(0, 500).length;
  }

  /** To be given to `since`. */
  mark(): number {
    return this.#dropped + this.#agreed.length;
  }

  /** `DTLS-SRTP AEAD_AES_256_GCM`; `DTLS-SRTP` alone where connections of that time differ. */
  since(mark: number): string {
    const agreed = new Set(this.#agreed.slice(Math.max(0, mark - this.#dropped)));
    return agreed.size === 1 ? `DTLS-SRTP ${[...agreed][0]!.replace("AES128_CM_SHA1", "AES_CM_128_HMAC_SHA1")}` : "DTLS-SRTP";
  }
}
