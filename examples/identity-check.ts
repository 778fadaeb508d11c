/**
 * A further identity check for a trunk: `identity: { module: ./examples/identity-check.ts }`. Whoever calls from an address that stands in a file, one a
 * line, is the trunk; the file is read at each call, so that a program beside can write it. Its path is in the environment, EXAMPLE_PARTNERS.
 */
import { readFileSync } from "node:fs";
import type { IdentityCheck } from "crosspoint/trunks";

export const checkIdentity: IdentityCheck = ({ address }) => {
  const file = process.env["EXAMPLE_PARTNERS"];
  return file !== undefined && readFileSync(file, "utf8").split("\n").includes(address);
};
