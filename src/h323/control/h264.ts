import type { GenericCapability, VideoCapability } from "../../wire/h245/index.ts";
import { booleanArray, isGeneric, numberOf, OID, parametersOf, unsignedMin } from "./generic.ts";

/** H.241 table 8-1, by the names of H.264 annex A. */
const PROFILES = { baseline: 64, main: 32, extended: 16, high: 8 } as const;
export type H264Profile = keyof typeof PROFILES;

/** H.241 table 8-2: `level_idc` of H.264 (1b is 9) and its number here. */
const LEVELS: readonly (readonly [idc: number, h241: number])[] = [
  [10, 15],
  [9, 19],
  [11, 22],
  [12, 29],
  [13, 36],
  [20, 43],
  [21, 50],
  [22, 57],
  [30, 64],
  [31, 71],
  [32, 78],
  [40, 85],
  [41, 92],
  [42, 99],
  [50, 106],
  [51, 113],
  [52, 120],
];

/** Parameters of H.241 8.3.2. */
const PROFILE = 41;
const LEVEL = 42;
const CUSTOM_MAX_MBPS = 3;
const CUSTOM_MAX_FS = 4;
const MBPS_UNIT = 500;
const FS_UNIT = 256;

/** A picture codec with its limits: what somebody can decode, or what is sent. */
export interface VideoFormat {
  readonly codec: "H264";
  readonly profile: H264Profile;
  /** `level_idc` of H.264 table A-1: 31 for level 3.1, 9 for 1b. */
  readonly level: number;
  /** Most bits per second. */
  readonly maxBitrate: number;
  /** RFC 6184 packetization modes: 0 single NAL units, 1 fragments and aggregates. */
  readonly packetization: readonly (0 | 1)[];
  /** Macroblocks a second, where more than the level has. */
  readonly maxMbps?: number;
  /** Macroblocks a picture, where more than the level has. */
  readonly maxFs?: number;
  readonly payloadType?: number;
}

/** As H.245 capability or channel (H.241 8.3.2). */
export function composeH264({ profile, level, maxBitrate, maxMbps, maxFs }: VideoFormat): { genericVideoCapability: GenericCapability } {
  const number = LEVELS.findLast(([idc]) => idc !== 9 && idc <= level)?.[1] ?? 15;
  return {
    genericVideoCapability: {
      capabilityIdentifier: { standard: OID.h264 },
      maxBitRate: Math.floor(maxBitrate / 100),
      collapsing: [
        booleanArray(PROFILE, PROFILES[profile]),
        unsignedMin(LEVEL, level === 9 ? 19 : number),
        ...(maxMbps === undefined ? [] : [unsignedMin(CUSTOM_MAX_MBPS, Math.min(65_535, Math.floor(maxMbps / MBPS_UNIT)))]),
        ...(maxFs === undefined ? [] : [unsignedMin(CUSTOM_MAX_FS, Math.min(65_535, Math.floor(maxFs / FS_UNIT)))]),
      ],
    },
  };
}

/** The highest profile a capability has, with its level; undefined when it is no H.264. */
export function readH264(capability: VideoCapability | undefined): VideoFormat | undefined {
  return readH264Profiles(capability)[0];
}

/**
 * One format a profile, the highest first: a capability may have several (H.241 8.3.2.1). Empty when it is no H.264.
 */
export function readH264Profiles(capability: VideoCapability | undefined): VideoFormat[] {
  const generic = capability?.genericVideoCapability;
  if (!isGeneric(generic, OID.h264)) return [];
  const parameters = parametersOf(generic);
  const bits = numberOf(parameters, PROFILE) ?? PROFILES.baseline;
  const named = (Object.keys(PROFILES) as H264Profile[]).filter((name) => (bits & PROFILES[name]) !== 0).reverse();
  const number = numberOf(parameters, LEVEL) ?? 15;
  const level = LEVELS.findLast(([, h241]) => h241 <= number)?.[0] ?? 10;
  const mbps = numberOf(parameters, CUSTOM_MAX_MBPS);
  const fs = numberOf(parameters, CUSTOM_MAX_FS);
  const profiles = named.length > 0 ? named : (["baseline"] as const);
  return profiles.map((profile) => ({
    codec: "H264",
    profile,
    level,
    maxBitrate: (generic.maxBitRate ?? 0) * 100,
    packetization: [0],
    ...(mbps === undefined ? {} : { maxMbps: mbps * MBPS_UNIT }),
    ...(fs === undefined ? {} : { maxFs: fs * FS_UNIT }),
  }));
}

/** What both can: `own` is what we send or take, `other` the peer's. Undefined when nothing fits. */
export function commonVideo(own: readonly VideoFormat[], other: readonly VideoFormat[]): VideoFormat | undefined {
  for (const theirs of other) {
    const ours = own.find((f) => f.profile === theirs.profile);
    if (ours === undefined) continue;
    const { maxMbps: _mbps, maxFs: _fs, ...rest } = theirs;
    const packetization = ours.packetization.filter((mode) => theirs.packetization.includes(mode));
    return {
      ...rest,
      level: order(ours.level) < order(theirs.level) ? ours.level : theirs.level,
      maxBitrate: Math.min(ours.maxBitrate, theirs.maxBitrate || ours.maxBitrate),
      packetization: packetization.length > 0 ? packetization : [0],
      ...(theirs.maxMbps !== undefined && ours.maxMbps !== undefined ? { maxMbps: Math.min(ours.maxMbps, theirs.maxMbps) } : {}),
      ...(theirs.maxFs !== undefined && ours.maxFs !== undefined ? { maxFs: Math.min(ours.maxFs, theirs.maxFs) } : {}),
    };
  }
  return undefined;
}

/** Place of a level in their order: 1b is between 1 and 1.1. */
function order(level: number): number {
  return level === 9 ? 10.5 : level;
}
