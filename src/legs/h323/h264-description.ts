import type { H264Profile, VideoFormat } from "../../h323/index.ts";
import { parseParameters } from "../../negotiation/index.ts";
import type { SdpMedia } from "../../wire/sdp/index.ts";

/** profile_idc of H.264 annex A, first octet of `profile-level-id` (RFC 6184 section 8.1). */
const PROFILE_IDC: Readonly<Record<H264Profile, number>> = { baseline: 0x42, main: 0x4d, extended: 0x58, high: 0x64 };

/** Bits per second of a line that says nothing of its rate. */
const DEFAULT_RATE = 2_000_000;

/** Bit of constraint_set3, which with level 11 is level 1b in the older profiles. */
const SET3 = 0x10;

/** H.264 of a line, one a profile: payload types of both packetization modes are one codec. */
export function readVideo(media: SdpMedia | undefined): VideoFormat[] {
  const out: VideoFormat[] = [];
  const maxBitrate = rateOf(media);
  for (const { payloadType, codec, fmtp } of media?.formats ?? []) {
    if (codec?.toUpperCase() !== "H264") continue;
    const parameters = parseParameters(fmtp);
    // RFC 6184 section 8.1: without profile-level-id Baseline at level 1, without packetization-mode 0.
    const id = Number.parseInt(parameters["profile-level-id"] ?? "42e00a", 16);
    const profile = (Object.keys(PROFILE_IDC) as H264Profile[]).find((name) => PROFILE_IDC[name] === id >> 16);
    if (profile === undefined) continue;
    const level = (id & 0xff) === 11 && ((id >> 8) & SET3) !== 0 && profile !== "high" ? 9 : id & 0xff;
    const mode = parameters["packetization-mode"] === "1" ? 1 : 0;
    const known = out.findIndex((format) => format.profile === profile);
    const before = out[known];
    if (before !== undefined) {
      const packetization = before.packetization.includes(mode) ? before.packetization : [...before.packetization, mode].sort();
      out[known] = { ...before, packetization: packetization as readonly (0 | 1)[] };
      continue;
    }
    const maxMbps = number(parameters["max-mbps"]);
    const maxFs = number(parameters["max-fs"]);
    out.push({
      codec: "H264",
      profile,
      level,
      maxBitrate,
      packetization: [mode],
      payloadType,
      ...(maxMbps === undefined ? {} : { maxMbps }),
      ...(maxFs === undefined ? {} : { maxFs }),
    });
  }
  return out;
}

/** The format as fmtp parameters. */
export function videoParameters({ profile, level, packetization, maxMbps, maxFs }: VideoFormat): string {
  // Constrained Baseline: what H.323's Baseline is in all that is sold, and browsers know no other.
  const constraints = (profile === "baseline" ? 0xe0 : 0) | (level === 9 && profile !== "high" ? SET3 : 0);
  const idc = level === 9 && profile !== "high" ? 11 : level;
  const id = ((PROFILE_IDC[profile] << 16) | (constraints << 8) | idc).toString(16).padStart(6, "0");
  return [
    `profile-level-id=${id}`,
    `packetization-mode=${packetization.includes(1) ? 1 : 0}`,
    ...(maxMbps === undefined ? [] : [`max-mbps=${maxMbps}`]),
    ...(maxFs === undefined ? [] : [`max-fs=${maxFs}`]),
  ].join(";");
}

function rateOf(media: SdpMedia | undefined): number {
  const of = (type: string) => media?.bandwidths.find((b) => b.type === type)?.value;
  const [tias, as] = [of("TIAS"), of("AS")];
  return tias ?? (as === undefined ? DEFAULT_RATE : as * 1000);
}

function number(text: string | undefined): number | undefined {
  const value = Number(text);
  return text === undefined || !Number.isFinite(value) ? undefined : value;
}
