import type { X509Certificate } from "node:crypto";
import { children, readDer } from "./der.ts";
import { factsOf, type GeneralName } from "./facts.ts";
import { isDomain } from "./names.ts";

/** Name constraints (RFC 5280 section 4.2.1.10): does an authority allow the names of a certificate below it? Kinds not judged here are not allowed where they are constrained. */
export function allowsNames(authority: X509Certificate, certificate: X509Certificate): boolean {
  const { constraints } = factsOf(authority);
  if (constraints === undefined) return true;
  const { alternativeNames, commonNames, subject } = factsOf(certificate);
  // Where there is no SAN, a peer's common name stands for a DNS name if it can be one; an authority's is only what it is called.
  const domains = certificate.ca ? [] : commonNames.filter(isDomain);
  const names = alternativeNames ?? domains.map((value): GeneralName => ({ kind: "dns", value }));
  return [...names, { kind: "directory", value: subject } as const].every((name) => {
    if (constraints.excluded.some((tree) => tree.kind === name.kind && within(name, tree) !== false)) return false;
    const permitted = constraints.permitted.filter(({ kind }) => kind === name.kind);
    return permitted.length === 0 || permitted.some((tree) => within(name, tree) === true);
  });
}

/** Undefined where it cannot be told. */
function within(name: GeneralName, tree: GeneralName): boolean | undefined {
  if (name.kind === "dns" && tree.kind === "dns") return inDomain(name.value, tree.value, true);
  if (name.kind === "uri" && tree.kind === "uri") {
    const host = hostOf(name.value);
    if (host === undefined) return undefined;
    return tree.value.startsWith(".") ? host.toLowerCase().endsWith(tree.value.toLowerCase()) : inDomain(host, tree.value, false);
  }
  if (name.kind === "ip" && tree.kind === "ip") {
    const half = tree.value.length / 2;
    return (
      name.value.length === half &&
      name.value.every((octet, i) => (octet & tree.value[half + i]!) === (tree.value[i]! & tree.value[half + i]!))
    );
  }
  if (name.kind === "directory" && tree.kind === "directory") return startsWith(name.value, tree.value);
  return undefined;
}

/** The attributes of one Name at the start of another, by their bytes. */
function startsWith(name: Buffer, start: Buffer): boolean {
  const own = children(readDer(name));
  return children(readDer(start)).every(({ whole }, i) => own[i]?.whole.equals(whole) === true);
}

function inDomain(name: string, domain: string, below: boolean): boolean {
  const [own, base] = [name.toLowerCase(), domain.toLowerCase()];
  if (base === "" || own === base) return true;
  return below && own.endsWith(base.startsWith(".") ? base : `.${base}`);
}

function hostOf(uri: string): string | undefined {
  const rest = uri.slice(uri.indexOf(":") + 1).replace(/^\/\//, "");
  const host = rest.slice(rest.lastIndexOf("@") + 1).split(/[:/;?]/, 1)[0];
  return host === "" ? undefined : host;
}
