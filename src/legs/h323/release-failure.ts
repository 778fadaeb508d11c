import { CallFailure, farEnd } from "../../base/call-failure.ts";
import type { ReleasedEvent } from "../../h323/index.ts";
import type { LegInfo } from "../leg.ts";

/** What a far end has done by ReleaseComplete. */
const WHAT = { "hung-up": "hung up", cancelled: "cancelled", refused: "refused" } as const;

/** How a call by H.323 came to its end, and by whom. */
export function failureOf(
  { by, cause: q850, code, reason }: ReleasedEvent,
  info: Pick<LegInfo, "direction">,
  answered: boolean,
): CallFailure {
  const them = farEnd(info);
  if (by === "network") return new CallFailure({ code: code ?? "connection-lost", by: "network", q850, message: reason });
  if (by === "us") {
    const unanswered = code === "no-response" ? "network" : code === "no-answer" ? "callee" : "gateway";
    return new CallFailure({ code: code ?? "released", by: unanswered, q850, message: reason });
  }
  // Only a caller gives up; a callee that ends a call of ours has refused it.
  const ended = answered ? "hung-up" : info.direction === "in" ? "cancelled" : "refused";
  return new CallFailure({ code: ended, by: them, q850, message: `${WHAT[ended]} by the ${them} (${reason})` });
}
