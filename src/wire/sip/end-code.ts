import { type EndCode, isEndCode } from "../../base/call-failure.ts";

/**
 * On a BYE that the embedded SIP engine makes by itself, and on a response that stands for one that never came: why. Only in what its
 * application is given; it counts only there, whatever a far end may write.
 */
export const END_HEADER = "Crosspoint-End";

/** The code that an engine has written; undefined for none, or one that is not known. */
export function readEndCode(value: string | undefined): EndCode | undefined {
  return isEndCode(value) ? value : undefined;
}
