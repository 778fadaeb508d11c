/** Extensions of SIP by their option tags (RFC 3261 section 19.2). */

/** What a far end may require of us, in lower case: RFC 3262, 4028, 3891, 4488, 4538. */
export const SUPPORTED_EXTENSIONS: readonly string[] = ["100rel", "timer", "replaces", "norefersub", "tdialog"];

/** What we say that we support in Supported fields. */
export const SUPPORTED = "timer, 100rel, replaces, norefersub";

/** The option tags of a Require field that are not ours: they are answered with 420 and Unsupported (section 8.2.2.3). */
export function unsupportedIn(require: string | undefined): string[] {
  const tags = (require ?? "").split(",").map((tag) => tag.trim());
  return tags.filter((tag) => tag !== "" && !SUPPORTED_EXTENSIONS.includes(tag.toLowerCase()));
}
