/** The admin API of the running gateway, as the command line finds it. */
import { existsSync, readFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { join } from "node:path";
import { rootCertificates, type PeerCertificate } from "node:tls";
import { isIP } from "node:net";
import { X509Certificate } from "node:crypto";
import { type LoadOptions, loadConfig } from "../../app/config/load.ts";
import type { Config } from "../../app/config/config.ts";

/** An answer that is none of the wanted; the words are for the operator. */
export class ApiError extends Error {
  override name = "ApiError";
}

export interface ApiOptions {
  readonly url?: string | undefined;
  readonly token?: string | undefined;
  readonly ca?: string | undefined;
}

export interface ApiClient {
  get(path: string): Promise<unknown>;
}

/** The most of an answer that is read. */
const MOST = 64_000_000;

/** Finds address and token by the options, else by the configuration. Throws ApiError where there is none. */
export function apiClient(options: ApiOptions, load: LoadOptions): ApiClient {
  const { config } = loadConfig(load);
  const base = options.url ?? (config === null ? undefined : urlOf(config));
  if (base === undefined) throw new ApiError("where is the gateway? Say it by --url, or by --config with the gateway's configuration");
  const token = options.token ?? (config === null ? undefined : tokenOf(config));
  if (token === undefined)
    throw new ApiError("there is no token: set CROSSPOINT_ADMIN_TOKEN, or run this where the gateway's data folder can be read");
  const own = options.url === undefined ? config?.certificates.cert : null;
  const trusted = options.ca ?? config?.certificates.ca ?? [];
  const ca = [...(typeof trusted === "string" ? [trusted] : trusted), ...(own ? [own] : [])].filter((file) => existsSync(file));
  return {
    get: (path) => get(new URL(`/api/v1${path}`, base), token, { ca: ca.map((file) => readFileSync(file, "utf8")), own: own ?? null }),
  };
}

function urlOf({ web, listen }: Config): string | undefined {
  if (web.port === null) return undefined;
  const host = listen === "0.0.0.0" ? "127.0.0.1" : listen === "::" ? "::1" : listen;
  return `${web.tls ? "https" : "http"}://${isIP(host) === 6 ? `[${host}]` : host}:${web.port}`;
}

function tokenOf({ admin, data }: Config): string | undefined {
  if (admin.token !== null && !admin.token.startsWith("sha256$")) return admin.token;
  const file = join(data, "admin-token");
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

function get(url: URL, token: string, trust: { readonly ca: readonly string[]; readonly own: string | null }): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const ca = [...rootCertificates, ...trust.ca];
  // by the address it listens at its certificate need not have a name: it is known by being the very one
  const checkServerIdentity =
    trust.own === null
      ? undefined
      : (_host: string, peer: PeerCertificate) => (isOwn(peer, trust.own!) ? undefined : new Error("not its certificate"));
  return new Promise((resolve, reject) => {
    const options = { headers, timeout: 10_000 };
    const request =
      url.protocol === "https:"
        ? requestHttps(url, { ...options, ca, ...(checkServerIdentity ? { checkServerIdentity } : {}) })
        : requestHttp(url, options);
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", (error) => reject(new ApiError(`the gateway at ${url.origin} cannot be asked: ${error.message}`)));
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MOST) request.destroy(new Error("too long an answer"));
        else chunks.push(chunk);
      });
      response.on("end", () => {
        try {
          const answer: unknown = JSON.parse(Buffer.concat(chunks).toString("utf8"));
          if (response.statusCode === 200) resolve(answer);
          else reject(new ApiError(wordsOf(answer, response.statusCode ?? 0)));
        } catch {
          reject(new ApiError(`${url.origin} answers ${response.statusCode}, and nothing this command understands`));
        }
      });
    });
    request.end();
  });
}

function isOwn(peer: PeerCertificate, file: string): boolean {
  return new X509Certificate(readFileSync(file)).raw.equals(peer.raw);
}

function wordsOf(answer: unknown, status: number): string {
  const detail = (answer as { detail?: unknown } | null)?.detail;
  return typeof detail === "string" ? detail : `the gateway answers ${status}`;
}
