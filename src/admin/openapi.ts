import { z } from "zod";
import { pageQuery } from "./paging.ts";
import type { Route } from "./route.ts";
import { components, healthSchema, problemSchema } from "./schemas.ts";

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of the routes, from the very schemas that check requests and that tests check answers with. */
export function openApi(routes: readonly Route[], version: string): Json {
  const reference = (schema: z.ZodType): Json => withReferences(jsonSchema(schema));
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const item = (paths[route.path] ??= {});
    item[route.method.toLowerCase()] = operation(route, reference);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Crosspoint admin API", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    servers: [{ url: "/api/v1" }],
    security: [{ token: [] }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } }, schemas: named() },
  };
}

function operation(route: Route, reference: (schema: z.ZodType) => Json): Json {
  const parameters = [...route.path.matchAll(/\{(\w+)\}/g)].map(
    (match): Json => ({ name: match[1], in: "path", required: true, schema: { type: "string" } }),
  );
  const queried = route.paged ? pageQuery : route.query;
  if (queried) {
    const { properties = {}, required = [] } = reference(queried) as { properties?: Record<string, Json>; required?: string[] };
    for (const [name, schema] of Object.entries(properties)) {
      const { description, ...rest } = schema;
      parameters.push({ name, in: "query", required: required.includes(name), ...(description ? { description } : {}), schema: rest });
    }
  }
  const problems: Record<number, string> = { ...route.problems };
  if (!route.open)
    Object.assign(problems, {
      401: "No token, a wrong one, or one that has expired.",
      403: "The token's role, or the meetings it is limited to, do not allow it.",
      429: "Too many requests.",
    });
  if (route.method === "POST")
    parameters.push({
      name: "Idempotency-Key",
      in: "header",
      required: false,
      description: "Names this request: repeated within an hour it is not carried out again but answered as before.",
      schema: { type: "string", minLength: 1, maxLength: 255 },
    });
  if (route.body || queried) problems[422] ??= "Some fields are not as they must be.";
  if (route.body)
    Object.assign(problems, { 400: problems[400] ?? "No body, or not JSON.", 413: "The body is too large.", 415: "Not application/json." });
  const paged = route.paged || route.id === "listRecords";
  if (paged) problems[400] ??= "The cursor is none.";
  const responses: Record<string, Json> = { [route.status]: { ...success(route, reference), ...(paged ? { headers: PAGE_HEADERS } : {}) } };
  for (const [status, description] of Object.entries(problems)) {
    const health = route.id === "health";
    const content = health
      ? { "application/json": { schema: reference(healthSchema) } }
      : { "application/problem+json": { schema: reference(problemSchema) } };
    responses[status] = { description, content };
  }
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description ? { description: route.description } : {}),
    ...(route.open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: { required: true, content: { "application/json": { schema: reference(route.body) } } } } : {}),
    responses,
  };
}

function success(route: Route, reference: (schema: z.ZodType) => Json): Json {
  if (route.stream)
    return {
      description: route.summary,
      content: { [route.stream]: { schema: { type: route.stream.endsWith("json") ? "object" : "string" } } },
    };
  return route.answer
    ? { description: route.summary, content: { "application/json": { schema: reference(route.answer) } } }
    : { description: route.summary };
}

const PAGE_HEADERS: Json = {
  "X-Total-Count": { description: "Entries of the whole list.", schema: { type: "integer" } },
  "X-Next-Cursor": { description: "`cursor` of the next page; absent on the last.", schema: { type: "string" } },
  Link: { description: 'The next page, `rel="next"` (RFC 8288); absent on the last.', schema: { type: "string" } },
};

/** Query and body schemas are described as they come in. */
function jsonSchema(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: "draft-2020-12", io: "input", reused: "inline" }) as Json;
  return rest;
}

/** Every named schema becomes a component. */
function named(): Record<string, Json> {
  const result: Record<string, Json> = {};
  for (const [id, schema] of Object.entries(components)) {
    const made = jsonSchema(schema);
    const definitions = (made["$defs"] ?? {}) as Record<string, Json>;
    result[id] = withReferences(made["$ref"] ? (definitions[id] ?? made) : made);
  }
  return result;
}

/** zod's `#/$defs/X` to OpenAPI's `#/components/schemas/X`; the definitions themselves are left out. */
function withReferences(schema: unknown): Json {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).filter(([key, item]) => key !== "$defs" && !(key === "id" && typeof item === "string"));
    return Object.fromEntries(
      entries.map(([key, item]) =>
        key === "$ref" && typeof item === "string" ? [key, item.replace("#/$defs/", "#/components/schemas/")] : [key, walk(item)],
      ),
    );
  };
  return walk(schema) as Json;
}
