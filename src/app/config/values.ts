import { z } from "zod";
import { isNetwork } from "../../security/networks.ts";

/**
 * The leaf types of the configuration. YAML has no opinion on whether `1000` is a number or a name; these do.
 * `meta.expects` says in words what a leaf takes: it is printed in mistakes and in docs/operate/configuration.md.
 */

const numberToText = (value: unknown): unknown => (typeof value === "number" || typeof value === "bigint" ? String(value) : value);

/** Text that may look like a number, such as a meeting's id or a dialled number. */
export function text(expects = "text") {
  return z
    .preprocess(numberToText, z.string({ error: `expected ${expects}` }).min(1, { error: `expected ${expects}, found nothing` }))
    .meta({ expects });
}

/** Text of a given form. */
export function textLike(pattern: RegExp, expects: string) {
  return z
    .preprocess(numberToText, z.string({ error: `expected ${expects}` }).regex(pattern, { error: `expected ${expects}` }))
    .meta({ expects });
}

/** A listening port; `off` (null) closes the listener, 0 takes any free port. */
export function port(byDefault: number | null) {
  const expects = "a port (1 to 65535; 0 for any free one) or off";
  const message = { error: `expected ${expects}` };
  return z
    .preprocess(
      (value) => (value === "off" || value === false ? null : value),
      z.int(message).min(0, message).max(65535, message).nullable(),
    )
    .default(byDefault)
    .meta({ expects, shown: byDefault === null ? "off" : String(byDefault) });
}

/** A port of somebody else's listener. */
export function remotePort(byDefault: number) {
  const message = { error: "expected a port (1 to 65535)" };
  return z.int(message).min(1, message).max(65535, message).default(byDefault).meta({ expects: "a port (1 to 65535)" });
}

/** A whole number within limits; `unit` is said in mistakes. */
export function whole(min: number, max: number, byDefault: number, unit = "") {
  const expects = `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`;
  const message = { error: `expected ${expects}` };
  return z.int(message).min(min, message).max(max, message).default(byDefault).meta({ expects });
}

/** A whole number within limits that may be left to the gateway: `shown` says in words what it then is. */
export function optionalWhole(min: number, max: number, shown: string) {
  const expects = `a whole number from ${min} to ${max}`;
  const message = { error: `expected ${expects}` };
  return z.int(message).min(min, message).max(max, message).nullable().default(null).meta({ expects, shown });
}

/** `true` or `false`, and the `yes`, `no`, `on`, `off` that people write. */
export function flag(byDefault: boolean) {
  const words: Record<string, boolean> = { yes: true, on: true, no: false, off: false };
  return z
    .preprocess(
      (value) => (typeof value === "string" ? (words[value.toLowerCase()] ?? value) : value),
      z.boolean({ error: "expected true or false" }),
    )
    .default(byDefault)
    .meta({ expects: "true or false" });
}

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words).meta({ expects: words.join(", ") });
}

/** A host name or address, without a port. */
export const host = () =>
  textLike(/^(?:\[?[0-9A-Fa-f:]+(?:%\w+)?\]?|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)$/, "an IP address or host name");

/** An IP address. */
export function address() {
  return z.union([z.ipv4(), z.ipv6()], { error: "expected an IPv4 or IPv6 address" }).meta({ expects: "an IPv4 or IPv6 address" });
}

/** Inclusive range of UDP ports. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** `20000-29999`. */
export function portRange(byDefault: string) {
  const expects = "a range of ports such as 20000-29999";
  return z
    .string({ error: `expected ${expects}` })
    .transform((value, context): PortRange => {
      const match = /^\s*(\d{1,5})\s*-\s*(\d{1,5})\s*$/.exec(value);
      const min = Number(match?.[1]);
      const max = Number(match?.[2]);
      if (!match || min < 1024 || max > 65535 || max - min < 3) {
        context.addIssue({ code: "custom", message: `expected ${expects}, from 1024 up, at least 4 ports` });
        return z.NEVER;
      }
      return { min, max };
    })
    .prefault(byDefault)
    .meta({ expects, shown: byDefault });
}

/** A network in CIDR; a bare address is a network of one. */
export function network() {
  const expects = "an address or a network such as 192.0.2.0/24";
  return z
    .string({ error: `expected ${expects}` })
    .refine(isNetworkOf, { error: `expected ${expects}` })
    .meta({ expects });
}

function isNetworkOf(value: string): boolean {
  const [base, , ...rest] = value.split("/");
  if (base === undefined || rest.length > 0) return false;
  return (z.ipv4().safeParse(base).success || z.ipv6().safeParse(base).success) && isNetwork(value);
}

/** The form a PIN is kept in. */
const pinHashPattern = /^scrypt\$\d+\$\d+\$\d+\$[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+$/;

/** A PIN: 3 to 16 digits, or its hash. */
export function pin() {
  const expects = "3 to 16 digits, or a hash scrypt$N$r$p$salt$hash";
  return textLike(new RegExp("^\\d{3,16}$|" + pinHashPattern.source), expects)
    .nullable()
    .default(null)
    .meta({ expects, shown: "none" });
}

/** A section of the configuration: strict, and there with its defaults when it is absent. */
export const section = <T extends z.ZodRawShape>(shape: T, description: string) =>
  z
    .strictObject(shape)
    .prefault({} as never)
    .describe(description);
