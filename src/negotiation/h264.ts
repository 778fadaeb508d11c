import type { FormatParameters } from "./capability.ts";

/** H.264 as its fmtp says it. */
export interface H264Format {
  /** Six hexadecimal digits, lower case: profile_idc, constraint flags, level_idc. */
  readonly profileLevelId: string;
  readonly packetizationMode: number;
}

/** RFC 6184 section 8.1: without profile-level-id baseline at level 1, without packetization-mode single NAL units. Undefined for nonsense. */
export function h264Of(parameters: FormatParameters): H264Format | undefined {
  const profileLevelId = (parameters["profile-level-id"] ?? "42000a").toLowerCase();
  const mode = parameters["packetization-mode"] ?? "0";
  if (!/^[0-9a-f]{6}$/.test(profileLevelId) || !/^[0-2]$/.test(mode)) return undefined;
  return { profileLevelId, packetizationMode: Number(mode) };
}

/** Profiles as decoders know them; RFC 6184 table 5. */
function profileOf(profileLevelId: string): string {
  const idc = profileLevelId.slice(0, 2);
  const flags = Number.parseInt(profileLevelId.slice(2, 4), 16);
  if (idc === "42") return flags & 0x40 ? "constrained-baseline" : "baseline";
  if (idc === "4d") return flags & 0x80 ? "constrained-baseline" : "main";
  if (idc === "58") return flags & 0xc0 ? "constrained-baseline" : "extended";
  if (idc === "64") return (flags & 0x0c) === 0x0c ? "constrained-high" : "high";
  return idc;
}

/** Whether what one sends the other decodes for sure: the same profile, or baseline, of whose extras nobody makes use. */
export function sameH264Profile(a: string, b: string): boolean {
  const [x, y] = [profileOf(a), profileOf(b)];
  const isBaseline = (profile: string) => profile === "baseline" || profile === "constrained-baseline";
  return x === y || (isBaseline(x) && isBaseline(y));
}

/** Level times ten; 1b, which comes between 1 and 1.1, as 10.5. */
function levelOf(profileLevelId: string): number {
  const idc = Number.parseInt(profileLevelId.slice(4), 16);
  const flags = Number.parseInt(profileLevelId.slice(2, 4), 16);
  const baselineLike = ["42", "4d", "58"].includes(profileLevelId.slice(0, 2));
  return (idc === 11 && baselineLike && flags & 0x10) || idc === 9 ? 10.5 : idc;
}

/** `a` with the lower level of the two. */
export function lowerLevel(a: string, b: string): string {
  return levelOf(a) <= levelOf(b) ? a : a.slice(0, 4) + b.slice(4);
}
