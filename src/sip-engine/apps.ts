/** The applications connected to the engine: what they asked for, and whose turn it is. */

/** One connected application. */
export interface App {
  readonly id: number;
  readonly tags: ReadonlySet<string>;
  /** False once its connection is gone. */
  alive: boolean;
  /** Sends a frame's content (a byte string). */
  send(content: string): void;
}

export class AppRegistry {
  readonly #routes = new Map<string, App[]>();
  readonly #turns = new Map<string, number>();

  /** `app` wants new requests of this method (lower case), or one of the `cdr:` records. */
  route(app: App, verb: string): void {
    const apps = this.#routes.get(verb) ?? [];
    if (!apps.includes(app)) this.#routes.set(verb, [...apps, app]);
  }

  unroute(app: App, verb: string): void {
    const apps = this.#routes.get(verb)?.filter((a) => a !== app) ?? [];
    if (apps.length === 0) this.#routes.delete(verb);
    else this.#routes.set(verb, apps);
  }

  remove(app: App): void {
    for (const verb of [...this.#routes.keys()]) this.unroute(app, verb);
  }

  /** Has any application asked for requests? */
  get any(): boolean {
    for (const verb of this.#routes.keys()) if (!verb.startsWith("cdr:")) return true;
    return false;
  }

  /** Does anybody want this? */
  wanted(verb: string): boolean {
    return this.#routes.has(verb);
  }

  /** The next application in turn that wants requests of the method, with the tag where one is asked for. */
  select(verb: string, tag?: string): App | undefined {
    const apps = this.#routes.get(verb);
    if (apps === undefined) return undefined;
    const start = this.#turns.get(verb) ?? 0;
    for (let i = 0; i < apps.length; i++) {
      const app = apps[(start + i) % apps.length]!;
      if (!app.alive || (tag !== undefined && !app.tags.has(tag))) continue;
      this.#turns.set(verb, (start + i + 1) % apps.length);
      return app;
    }
    return undefined;
  }
}
