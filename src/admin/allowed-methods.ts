/** Which methods the listener's paths have, for 405 and its Allow (RFC 9110 section 15.5.6). */
export class AllowedMethods {
  readonly #paths: { readonly segments: readonly string[]; readonly methods: Set<string> }[] = [];

  /** A route, with parameters as `:name`. */
  add(url: string, methods: readonly string[]): void {
    const segments = url.split("/");
    const known = this.#paths.find((path) => path.segments.join("/") === url);
    if (known) for (const method of methods) known.methods.add(method);
    else this.#paths.push({ segments, methods: new Set(methods) });
  }

  /** Those of a path, sorted; empty where there is nothing at it. */
  at(path: string): string[] {
    const parts = path.split("/");
    const found = new Set<string>();
    for (const { segments, methods } of this.#paths) {
      const fits =
        segments.length === parts.length && segments.every((one, i) => (one.startsWith(":") ? parts[i] !== "" : one === parts[i]));
      if (fits) for (const method of methods) found.add(method);
    }
    return [...found].sort();
  }
}
