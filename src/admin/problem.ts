import { STATUS_CODES } from "node:http";
import type { FastifyReply } from "fastify";
import type { z } from "zod";
import { AdminError } from "./ports.ts";
import type { Problem } from "./schemas.ts";

/** An input that is not what the schema says: 422 with each field that is wrong. */
export class InvalidInput extends AdminError {
  readonly errors: readonly { path: string; message: string }[];
  constructor(error: z.ZodError) {
    super(422, "invalid-input", "some fields are not as they must be");
    this.errors = error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  }
}

export function problem(status: number, code: string, detail: string, errors?: readonly { path: string; message: string }[]): Problem {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, code, detail, ...(errors ? { errors: [...errors] } : {}) };
}

/** Answers with a problem (RFC 9457). */
export function send(reply: FastifyReply, told: Problem): FastifyReply {
  return reply
    .code(told.status)
    .type("application/problem+json")
    .send(Buffer.from(JSON.stringify(told)));
}

/** Any failure as a problem. What is not meant for the caller becomes a bare 500; `unexpected` says to log it: an AdminError was thrown on purpose. */
export function toProblem(error: unknown): { problem: Problem; unexpected: boolean } {
  if (error instanceof InvalidInput) return { problem: problem(error.status, error.code, error.message, error.errors), unexpected: false };
  if (error instanceof AdminError) return { problem: problem(error.status, error.code, error.message), unexpected: false };
  const status = (error as { statusCode?: number }).statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    const code = status === 413 ? "too-large" : status === 415 ? "unsupported-media-type" : "bad-request";
    return { problem: problem(status, code, (error as Error).message), unexpected: false };
  }
  return { problem: problem(500, "internal-error", "something went wrong inside; the log says what"), unexpected: true };
}
