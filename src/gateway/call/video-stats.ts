import type { Leg } from "../../legs/leg.ts";
import type { Pictures } from "../../call-media/video-streams.ts";
import type { PictureCodecs } from "../../meetings/codecs.ts";
import type { VideoView } from "../../meetings/model.ts";
import type { PictureLines } from "../options.ts";

/** What the roster says of a call's pictures; null for a call that has no line for any. `protection`: the leg's own of the camera's line. */
export async function viewPictures(pictures: Pictures | null, protection: string | undefined): Promise<VideoView | null> {
  const camera = pictures?.all.find(({ role }) => role === "camera");
  if (!pictures || !camera) return null;
  const screen = pictures.all.find(({ role, line }) => role === "screen" && line !== undefined);
  const stats = (await camera.line?.stats().catch(() => null)) ?? null;
  return {
    state: camera.line ? (camera.sends || camera.takes ? "on" : "held") : "off",
    reason: camera.line ? null : camera.reason,
    codec: stats?.codec ?? null,
    srtp: (camera.line && protection) ?? camera.suite,
    packetsIn: stats?.packetsIn ?? 0,
    packetsOut: stats?.packetsOut ?? 0,
    lossPercent: stats?.lossPercent ?? 0,
    jitterMs: stats?.jitterMs ?? 0,
    bitrateIn: stats?.bitrateIn ?? 0,
    bitrateOut: stats?.bitrateOut ?? 0,
    keyFramesIn: stats?.keyFramesIn ?? 0,
    freezes: stats?.freezes ?? 0,
    width: stats?.width ?? null,
    height: stats?.height ?? null,
    limitIn: stats?.limitIn ?? null,
    limitOut: stats?.limitOut ?? null,
    screen: screen !== undefined,
    unsuited: pictures.all.find(({ unsuited }) => unsuited !== null)?.unsuited ?? null,
  };
}

/** What the camera's line carries each way; null for a call that has none just now. */
export function cameraCodecs(pictures: Pictures): PictureCodecs | null {
  const camera = pictures.all.find(({ role, line }) => role === "camera" && line !== undefined);
  return camera ? { sends: (camera.sends && camera.codecs[0]) || null, takes: camera.takes ? camera.codecs : [] } : null;
}

/** How many lines of pictures calls have, by protocol and kind; those of which there are none, too. */
export function pictureLines(calls: Iterable<{ readonly leg: Pick<Leg, "info">; readonly pictures: Pictures | null }>): PictureLines[] {
  const counted = new Map<string, number>();
  for (const { leg, pictures } of calls)
    for (const { role, line } of pictures?.all ?? []) {
      const key = `${leg.info.protocol} ${role}`;
      if (line) counted.set(key, (counted.get(key) ?? 0) + 1);
    }
  return (["sip", "h323", "web"] as const).flatMap((protocol) =>
    (["camera", "screen", "further"] as const).map((kind) => ({ protocol, kind, lines: counted.get(`${protocol} ${kind}`) ?? 0 })),
  );
}
