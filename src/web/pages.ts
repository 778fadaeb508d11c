import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** Scripts and styles of our own only; pictures and sound of the meeting are streams of the page itself. */
const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob: mediastream:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  "permissions-policy": "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), geolocation=()",
};

/** Serves the meeting page at `/meeting`, its files below. */
export function serveMeetingPage(app: FastifyInstance): void {
  const folder = new URL("./page/", import.meta.url);
  for (const name of readdirSync(folder)) {
    const type = TYPES[name.split(".").at(-1)!];
    if (type === undefined) continue;
    let kept: { body: Buffer; etag: string } | undefined;
    app.get(name === "index.html" ? "/meeting" : `/meeting/${name}`, (request, reply) => {
      kept ??= read(new URL(name, folder));
      reply.headers(HEADERS).header("etag", kept.etag).header("cache-control", "no-cache");
      return request.headers["if-none-match"] === kept.etag ? reply.code(304).send() : reply.type(type).send(kept.body);
    });
  }
}

function read(file: URL): { body: Buffer; etag: string } {
  const body = readFileSync(file);
  return { body, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}
