import type { CallRecord } from "./model.ts";

/** How much of a person's number or address a record keeps. */
export type Masking = "none" | "numbers" | "all";

/** The record with the outside party masked: the caller of a call that came in, the callee of one that went out. */
export function maskRecord(record: CallRecord, masking: Masking): CallRecord {
  if (masking === "none") return record;
  return record.direction === "in"
    ? { ...record, from: maskParty(record.from, masking) }
    : { ...record, to: maskParty(record.to, masking) };
}

/** `numbers`: digits of a number but its last three become `x`; `all`: nothing is left. Host parts and names stay with `numbers`. */
export function maskParty(party: string, masking: Masking): string {
  if (masking === "none") return party;
  if (masking === "all") return "anonymous";
  const at = party.lastIndexOf("@");
  const user = at < 0 ? party : party.slice(0, at);
  return user.replace(/\d[\d .-]{3,}\d/g, maskDigits) + (at < 0 ? "" : party.slice(at));
}

function maskDigits(number: string): string {
  const digits = number.replace(/\D/g, "").length;
  let seen = 0;
  return number.replace(/\d/g, (digit) => (++seen > digits - 3 ? digit : "x"));
}
