import { TRUNK_KINDS } from "../../trunks/kinds.ts";
import type { TrunkKind } from "../../trunks/model.ts";
import { isTree, kindOf, type Tree } from "./trunk-kinds.ts";

/** One key of a trunk as it is in force, and where its value comes from. */
export interface TrunkKey {
  /** Within the trunk: `identity.certificatePurpose`. */
  readonly path: string;
  /** As JSON; `(not shown)` for a password. */
  readonly value: string;
  readonly origin: "configuration" | "kind" | "default";
  /** Why the kind has it so; null elsewhere. */
  readonly why: string | null;
}

export interface ExplainedTrunk {
  readonly name: string;
  readonly kind: TrunkKind | null;
  /** What the kind is for; null without one. */
  readonly purpose: string | null;
  readonly keys: readonly TrunkKey[];
}

/**
 * Every key of the trunks that has a value, and whether the configuration, the trunk's kind or the schema has set it.
 * @param said `trunks` of the configuration as written, references replaced
 * @param settled `trunks` as the schema leaves them
 */
export function explainTrunks(said: unknown, settled: readonly object[]): ExplainedTrunk[] {
  const sections: readonly unknown[] = Array.isArray(said) ? said : [];
  return settled.map((trunk, i) => {
    const own = sections[i];
    const kind = kindOf(own) ?? null;
    const keys = leavesOf(trunk as Tree, "").filter(({ path }) => path !== "name" && path !== "kind");
    return {
      name: String((trunk as Tree)["name"]),
      kind,
      purpose: kind && TRUNK_KINDS[kind].purpose,
      keys: keys.map(({ path, value }): TrunkKey => {
        const origin =
          at(own, path) !== undefined ? "configuration" : kind && at(TRUNK_KINDS[kind].defaults, path) !== undefined ? "kind" : "default";
        const why = origin === "kind" ? (TRUNK_KINDS[kind!].why[path] ?? null) : null;
        return { path, value: /(?:^|\.)password$/.test(path) ? "(not shown)" : JSON.stringify(value), origin, why };
      }),
    };
  });
}

function leavesOf(section: Tree, prefix: string): { path: string; value: unknown }[] {
  return Object.entries(section).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    if (isTree(value)) return leavesOf(value, `${path}.`);
    return value === undefined ? [] : [{ path, value }];
  });
}

function at(tree: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((section, key) => (isTree(section) ? section[key] : undefined), tree);
}
