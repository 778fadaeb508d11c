import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** Pages of a folder, as they lie there. */
export interface Pages {
  readonly folder: URL;
  /** Where its `index.html` is; its other files are below. */
  readonly path: string;
  /** Besides, or instead of, those of every answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Serves pages without a token. Each file is read when it is first asked for. */
export function servePages(app: FastifyInstance, { folder, path, headers = {} }: Pages): void {
  for (const name of readdirSync(folder)) {
    const type = TYPES[name.split(".").at(-1)!];
    if (type === undefined) continue;
    let kept: { body: Buffer; etag: string } | undefined;
    app.get(name === "index.html" ? path : `${path.replace(/\/$/, "")}/${name}`, (request, reply) => {
      kept ??= read(new URL(name, folder));
      reply.headers(headers).header("etag", kept.etag).header("cache-control", "no-cache");
      return request.headers["if-none-match"] === kept.etag ? reply.code(304).send() : reply.type(type).send(kept.body);
    });
  }
}

function read(file: URL): { body: Buffer; etag: string } {
  const body = readFileSync(file);
  return { body, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}
