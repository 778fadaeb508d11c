import { TRUNK_KINDS, trunkKinds } from "../../trunks/kinds.ts";
import type { TrunkKind } from "../../trunks/model.ts";

/** A section of a configuration as it was written. */
export type Tree = Readonly<Record<string, unknown>>;

export const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

/** The kind a trunk's section names; undefined for none and for a word that is none, which the schema reports. */
export function kindOf(trunk: unknown): TrunkKind | undefined {
  return isTree(trunk) ? trunkKinds.find((kind) => kind === trunk["kind"]) : undefined;
}

/** The configuration's tree with the defaults of each trunk's kind filled in, under what the configuration itself says. */
export function withKinds(tree: unknown): unknown {
  if (!isTree(tree) || !Array.isArray(tree["trunks"])) return tree;
  const trunks = tree["trunks"].map((trunk: unknown) => {
    const kind = kindOf(trunk);
    return kind === undefined ? trunk : under(trunk as Tree, TRUNK_KINDS[kind].defaults as Tree);
  });
  return { ...tree, trunks };
}

/** `own` with what of `defaults` it does not say, section by section. A key whose value is null has been said. */
function under(own: Tree, defaults: Tree): Tree {
  const merged: Record<string, unknown> = { ...own };
  for (const [key, value] of Object.entries(defaults)) {
    const said = own[key];
    if (said === undefined) merged[key] = value;
    else if (isTree(said) && isTree(value)) merged[key] = under(said, value);
  }
  return merged;
}
