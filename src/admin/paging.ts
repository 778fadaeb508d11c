import { z } from "zod";
import { AdminError } from "./ports.ts";

/** Query of a list that is paged. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).optional().describe("Most entries answered; all where absent."),
  cursor: z.string().max(256).optional().describe("Where the page before ended: its `X-Next-Cursor`."),
});

export interface Page<T> {
  readonly items: readonly T[];
  /** Of the whole list. */
  readonly total: number;
  /** Where the next page begins; null after the last. */
  readonly next: string | null;
}

/**
 * One page of a list. The cursor holds the last entry's place and identifier: where that entry has gone meanwhile, the page begins at its place.
 * Throws AdminError 400 for a cursor that is none.
 */
export function pageOf<T extends { readonly id: string } | { readonly name: string }>(
  list: readonly T[],
  query: z.output<typeof pageQuery>,
): Page<T> {
  const idOf = (item: T): string => ("id" in item ? item.id : item.name);
  let from = 0;
  if (query.cursor !== undefined) {
    const [place = "", id] = split(Buffer.from(query.cursor, "base64url").toString());
    if (id === undefined || !/^\d{1,9}$/.test(place)) throw invalidCursor();
    const at = list.findIndex((item) => idOf(item) === id);
    from = at >= 0 ? at + 1 : Number(place);
  }
  const items = list.slice(from, query.limit === undefined ? undefined : from + query.limit);
  const end = from + items.length;
  const last = items.at(-1);
  const next = last === undefined || end >= list.length ? null : Buffer.from(`${end - 1}:${idOf(last)}`).toString("base64url");
  return { items, total: list.length, next };
}

export function invalidCursor(): AdminError {
  return new AdminError(400, "invalid-cursor", "this is no cursor of this list: take the one of the page before");
}

function split(text: string): [string, string?] {
  const colon = text.indexOf(":");
  return colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}
