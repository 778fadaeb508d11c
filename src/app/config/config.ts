import type { Trunk } from "../../trunks/model.ts";
import type { MeetingDefinition } from "../../gateway/options.ts";
import type { RawConfig } from "./schema.ts";
import type { Path } from "./source.ts";

/** The checked configuration: every default filled in, every path absolute, every secret read. PINs are digits or hashes still. */
export interface Config extends Omit<RawConfig, "trunks" | "meetings" | "unknownCallers"> {
  /** The file read, as given; null for the demo. */
  readonly file: string | null;
  readonly demo: boolean;
  readonly trunks: readonly Trunk[];
  /** The trunk of callers that no other matches; null refuses them. */
  readonly unknownCallers: Trunk | null;
  readonly meetings: readonly MeetingDefinition[];
}

/** Collects what is wrong (`mistake`) and what may not be meant (`warn`). */
export interface Findings {
  mistake(path: Path, message: string): void;
  warn(path: Path, message: string): void;
}

/** Whether only this machine can reach an address. */
export const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || /^127\./.test(host);
