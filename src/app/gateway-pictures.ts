import type { LegEvents } from "../call/leg.ts";
import { Pictures } from "../call/pictures.ts";
import { SideLines } from "../call/side-lines.ts";
import type { Call } from "./gateway-call.ts";
import { type GatewayContext, trunkNamed } from "./gateway-context.ts";

/** The lines that a call may have beside its audio, by configuration and trunk. */
export function linesBeside(
  context: GatewayContext,
  trunk: string | null,
): { readonly sides: SideLines; readonly pictures: Pictures | null } {
  const { video, config } = context;
  const allowed = trunkNamed(context, trunk)?.video !== false;
  if (!video || !config.video || !allowed) return { sides: new SideLines([]), pictures: null };
  const pictures = new Pictures(video, config.video);
  return { sides: new SideLines([pictures]), pictures };
}

/** Joins a call's signalling and its pictures: key frames and bit rates that RTCP cannot ask for, and what the log says of lines without picture. */
export function attachPictures(call: Call, pictures: Pictures | null): void {
  if (!pictures) return;
  call.pictures = pictures;
  const { leg } = call;
  const onKeyframe = (...[line]: LegEvents["keyframe"]) => pictures.requestKeyframe(line);
  const onBitrate = (...[{ line, bitsPerSecond }]: LegEvents["bitrate"]) => pictures.limit(line, bitsPerSecond);
  leg.on("keyframe", onKeyframe);
  leg.on("bitrate", onBitrate);
  pictures.on("keyframe", (index) => leg.requestKeyframe?.(index));
  pictures.on("bitrate", (index, bitsPerSecond) => leg.limitBitrate?.(index, bitsPerSecond));
  const said = new Set<string>();
  pictures.on("changed", () => {
    for (const { role, reason } of pictures.all) {
      if (reason === null || said.has(`${role}${reason}`)) continue;
      said.add(`${role}${reason}`);
      call.log.info({ event: "no-picture", line: role, reason }, "a line stays without picture");
    }
  });
  call.once("ended", () => {
    leg.off("keyframe", onKeyframe);
    leg.off("bitrate", onBitrate);
  });
}
