import { BfcpLine, isFloor } from "../../call-media/bfcp-section.ts";
import { CameraLine, isCameraControl } from "../../call-media/camera-control-section.ts";
import type { ContentControl, LegEvents, LegInfo } from "../../legs/leg.ts";
import { Pictures } from "../../call-media/video-streams.ts";
import { oneLine, SideLines } from "../../call-media/media-sections.ts";
import type { Call } from "./call.ts";
import { type Settings, trunkNamed } from "../settings.ts";
import type { Clock } from "../../base/clock.ts";
import type { VideoRelay } from "../../video/port.ts";
import type { Presenting } from "../meeting/presenter.ts";
import type { Cameras } from "../meeting/far-end-camera.ts";

/** The lines that a call may have beside its audio. */
export interface LinesBeside {
  readonly sides: SideLines;
  /** Null: none are allowed, or there is no relay. */
  readonly pictures: Pictures | null;
  /** The floor of a SIP call's screen; other protocols have theirs inside. */
  readonly floor: ContentControl | null;
  /** Its remote control for other rooms' cameras. */
  readonly camera: CameraLine | null;
}

/** What decides which lines a call has, and what they are joined to. */
export interface CallLinesParts {
  readonly settings: Settings;
  readonly clock: Clock;
  /** Null: calls are audio only. */
  readonly video: VideoRelay | null;
  readonly presenting: Presenting;
  readonly cameras: Cameras;
}

/** Gives calls their lines beside the audio: pictures, the floor of a shared screen, far-end camera control. */
export class CallLines {
  readonly #parts: CallLinesParts;

  constructor(parts: CallLinesParts) {
    this.#parts = parts;
  }

  /** What configuration and trunk allow a call to have. */
  beside(trunk: string | null, protocol: LegInfo["protocol"]): LinesBeside {
    const { video, settings, clock } = this.#parts;
    const { config } = settings;
    const allowed = trunkNamed(config, trunk)?.video !== false;
    if (!video || !config.video || !allowed) return { sides: new SideLines([]), pictures: null, floor: null, camera: null };
    if (protocol === "web") {
      const pictures = new Pictures(video, { ...config.video, anyCodec: true });
      return { sides: new SideLines([pictures]), pictures, floor: null, camera: null };
    }
    const pictures = new Pictures(video, config.video);
    const camera = new CameraLine(config.video.floor);
    const cameras = oneLine(camera, isCameraControl);
    if (protocol === "h323") return { sides: new SideLines([pictures, cameras]), pictures, floor: null, camera };
    const floor = new BfcpLine({ clock, ...config.video.floor });
    return { sides: new SideLines([pictures, oneLine(floor, isFloor), cameras]), pictures, floor, camera };
  }

  /** Joins a call's signalling and its pictures: who presents, its camera, key frames and bit rates that RTCP cannot ask for. */
  attach(call: Call, { pictures, floor, camera }: LinesBeside): void {
    if (!pictures) return;
    const { presenting, cameras } = this.#parts;
    call.pictures = pictures;
    call.content = call.leg.content ?? floor ?? undefined;
    if (call.content) presenting.attach(call, call.content);
    if (camera) cameras.attach(call, pictures, camera);
    joinSignalling(call, pictures);
  }
}

/** Key frames and bit rates by signalling, and what the log says of lines without picture. */
function joinSignalling(call: Call, pictures: Pictures): void {
  const { leg } = call;
  const onKeyframe = (...[line]: LegEvents["keyframe"]) => pictures.requestKeyframe(line);
  const onBitrate = (...[{ line, bitsPerSecond }]: LegEvents["bitrate"]) => pictures.limit(line, bitsPerSecond);
  leg.on("keyframe", onKeyframe);
  leg.on("bitrate", onBitrate);
  pictures.on("keyframe", (index) => leg.requestKeyframe?.(index));
  pictures.on("bitrate", (index, bitsPerSecond) => leg.limitBitrate?.(index, bitsPerSecond));
  pictures.on("shown", ({ index, shows }, stream) => leg.shown?.(index, shows, stream));
  // each of a page's lines would say it of the same picture
  const unsuitedSaid = new Set<string>();
  pictures.on("unsuited", ({ role, unsuited }) => {
    if (!unsuited) return;
    const { participantId, stream, codec } = unsuited;
    const picture = `${participantId} ${stream} ${codec}`;
    if (unsuitedSaid.has(picture)) return;
    unsuitedSaid.add(picture);
    call.log.info(
      { event: "picture-unsuited", line: role, of: participantId, stream, codec },
      "a picture is not shown: its codec was not agreed",
    );
  });
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
