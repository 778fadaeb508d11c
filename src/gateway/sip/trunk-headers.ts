import type { Trunk } from "../../trunks/model.ts";
import { TRUNK_HEADER } from "../../wire/sip/peer-certificate.ts";

/** Tells the embedded SIP engine whose certificates a request is under. Another engine has its own, and would send the field on. */
export function trunkHeaders(peerStamps: boolean, trunk: Pick<Trunk, "name">): Record<string, string> {
  return peerStamps ? { [TRUNK_HEADER]: trunk.name } : {};
}
