/** Requests to another thread that have no reply yet, by their number. */
export class PendingRequests<Reply> {
  readonly #pending = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  #next = 1;

  get size(): number {
    return this.#pending.size;
  }

  /** Sends a request by `send`, which gets its number. The promise settles with the reply, or rejects by `reject` and `rejectAll`. */
  open(send: (id: number) => void): Promise<Reply> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      send(id);
    });
  }

  /** The reply to a request. A reply that nobody waits for (any more) is dropped. */
  resolve(id: number, reply: Reply): void {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    request?.resolve(reply);
  }

  reject(id: number, error: Error): void {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    request?.reject(error);
  }

  /** Nobody will reply any more. */
  rejectAll(error: Error): void {
    const requests = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of requests) reject(error);
  }
}
