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

/**
 * H.264's profiles as decoders know them (RFC 6184 table 5, ISO/IEC 14496-10 annex A.2), by number: up to `High444` each decodes those before it. What
 * conferencing makes no use of makes no difference: Baseline's extras over Constrained Baseline, High's fields and B pictures over Constrained High.
 */
export const H264Profile = { Baseline: 0, Main: 1, High: 2, High10: 3, High422: 4, High444: 5, Extended: 6, Other: 7 } as const;
export type H264Profile = (typeof H264Profile)[keyof typeof H264Profile];
export const H264_PROFILES: readonly H264Profile[] = Object.values(H264Profile);

const NAMES = ["Baseline", "Main", "High", "High 10", "High 4:2:2", "High 4:4:4", "Extended", "of another profile"] as const;

/** For people: `H.264 High`. */
export function h264ProfileName(profile: H264Profile): string {
  return `H.264 ${NAMES[profile]}`;
}

/** profile_idc and the octet of constraint_set flags, from a sequence parameter set or a profile-level-id: set0 keeps to Baseline, set1 to Main. */
export function h264Profile(idc: number, constraints: number): H264Profile {
  const [set0, set1] = [(constraints & 0x80) !== 0, (constraints & 0x40) !== 0];
  switch (idc) {
    case 66:
      return H264Profile.Baseline;
    case 77:
      return set0 ? H264Profile.Baseline : H264Profile.Main;
    case 88:
      return set0 ? H264Profile.Baseline : set1 ? H264Profile.Main : H264Profile.Extended;
    case 100:
      return set0 && set1 ? H264Profile.Baseline : set1 ? H264Profile.Main : H264Profile.High;
    case 110:
      return H264Profile.High10;
    case 122:
      return H264Profile.High422;
    case 244:
      return H264Profile.High444;
    default:
      return H264Profile.Other;
  }
}

/** Of a `profile-level-id`: six hexadecimal digits. */
export function h264ProfileOf(profileLevelId: string): H264Profile {
  return h264Profile(Number.parseInt(profileLevelId.slice(0, 2), 16), Number.parseInt(profileLevelId.slice(2, 4), 16));
}

/** Whether a decoder of one profile decodes another's pictures. Constrained Baseline is decoded by all. */
export function decodesH264(decoder: H264Profile, picture: H264Profile): boolean {
  if (picture === H264Profile.Baseline || picture === decoder) return true;
  return decoder <= H264Profile.High444 && picture < decoder;
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
