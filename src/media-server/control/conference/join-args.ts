import { before } from "../../../base/text.ts";

/** What the conference application was asked for. */
export interface JoinRequest {
  readonly name: string;
  readonly profile: string;
  readonly pin: string;
  readonly flags: ReadonlySet<string>;
}

/** Reads `name@profile+pin+flags{a|b}`; profile, pin and flags may be missing, `bridge:` forms are not known here. */
export function parseJoin(text: string): JoinRequest | undefined {
  let rest = text.trim();
  const flags = new Set<string>();
  const open = rest.toLowerCase().indexOf("flags{");
  const close = open < 0 ? -1 : rest.indexOf("}", open);
  if (close >= 0) {
    for (const flag of rest.slice(open + 6, close).split(/[|,]/)) if (flag.trim() !== "") flags.add(flag.trim().toLowerCase());
    rest = rest.slice(0, rest[open - 1] === "+" ? open - 1 : open) + rest.slice(close + 1);
  }
  const plus = rest.indexOf("+");
  const pin = plus === -1 ? "" : before(rest.slice(plus + 1), "+").trim();
  if (plus !== -1) rest = rest.slice(0, plus);
  const at = rest.lastIndexOf("@");
  const name = (at === -1 ? rest : rest.slice(0, at)).trim();
  const profile = at === -1 ? "default" : rest.slice(at + 1).trim();
  return name === "" || /\s/.test(name) ? undefined : { name, profile, pin, flags };
}
