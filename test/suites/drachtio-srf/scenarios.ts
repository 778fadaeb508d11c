/** The package's compose file and SIPp scenarios, made fit for one machine without containers. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A container of the compose file; `scenario` where it runs SIPp. */
export interface Container {
  readonly name: string;
  readonly address: string | undefined;
  readonly scenario: string | undefined;
}

export function readCompose(file: string): Container[] {
  const services = readFileSync(file, "utf8").split(/^services:\s*$/m)[1] ?? "";
  return services.split(/^ {2}(?=\S)/m).flatMap((text) => {
    const name = /container_name:\s*(\S+)/.exec(text)?.[1];
    if (name === undefined) return [];
    return [{ name, address: /ipv4_address:\s*(\S+)/.exec(text)?.[1], scenario: /command:\s*sipp\s+-sf\s+\/tmp\/(\S+)/.exec(text)?.[1] }];
  });
}

const opaque = [
  ["<![CDATA[", "]]>"],
  ["<!--", "-->"],
  ["<?", "?>"],
  ["<!", ">"],
] as const;

/** Escapes raw `<` in attribute values: three scenarios have it, and SIPp's parser refuses them. */
export function escapeAttributes(xml: string): string {
  let out = "";
  let i = 0;
  while (i < xml.length) {
    const skip = opaque.find(([open]) => xml.startsWith(open, i));
    if (skip !== undefined) {
      const end = xml.indexOf(skip[1], i);
      const stop = end < 0 ? xml.length : end + skip[1].length;
      out += xml.slice(i, stop);
      i = stop;
    } else if (xml[i] === "<") {
      let quote = "";
      for (let done = false; !done && i < xml.length; i++) {
        const c = xml[i]!;
        out += quote !== "" && c === "<" ? "&lt;" : c;
        if (quote === "" ? c === '"' || c === "'" : c === quote) quote = quote === "" ? c : "";
        else if (quote === "" && c === ">") done = true;
      }
    } else out += xml[i++];
  }
  return out;
}

/** Copies the scenarios to `to`, mended, with container names replaced by addresses. */
export function copyScenarios(from: string, to: string, hosts: Readonly<Record<string, string>>): void {
  mkdirSync(to, { recursive: true });
  const names = Object.keys(hosts)
    .sort((a, b) => b.length - a.length)
    .map((name) => name.replace(/\./g, "\\."));
  const known = new RegExp(`(?<![\\w.-])(?:${names.join("|")})(?![\\w-]|\\.\\w)`, "g");
  for (const file of readdirSync(from)) {
    if (!file.endsWith(".xml")) continue;
    const text = escapeAttributes(readFileSync(join(from, file), "utf8"));
    writeFileSync(
      join(to, file),
      text.replace(known, (name) => hosts[name]!),
    );
  }
}
