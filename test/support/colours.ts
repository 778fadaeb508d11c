import { execFileSync } from "node:child_process";

/** A moving picture of one colour, H.264 in MP4, four seconds of it: who shows it is known by it. Small enough for a test, and it moves, so that no encoder skips it. */
export function colourVideo(file: string, colour: string): void {
  execFileSync("ffmpeg", [
    ...["-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", `color=c=${colour}:size=320x180:rate=15`],
    ...[
      "-vf",
      "noise=alls=6:allf=t",
      "-t",
      "10",
      "-c:v",
      "libx264",
      "-profile:v",
      "baseline",
      "-pix_fmt",
      "yuv420p",
      "-g",
      "30",
      "-bf",
      "0",
      file,
    ],
  ]);
}

/** Average colour of a picture, decoded by ffmpeg. */
export function averageColour(file: string): { readonly red: number; readonly green: number; readonly blue: number } {
  const pixel = execFileSync("ffmpeg", [
    ...[
      "-hide_banner",
      "-loglevel",
      "error",
      "-i",
      file,
      "-vf",
      "scale=1:1:flags=area",
      "-frames:v",
      "1",
      "-f",
      "rawvideo",
      "-pix_fmt",
      "rgb24",
      "-",
    ],
  ]);
  if (pixel.length < 3) throw new Error(`${file} has no picture`);
  return { red: pixel[0]!, green: pixel[1]!, blue: pixel[2]! };
}

/** The name of a picture's colour among those the tests use; `none` for a picture that is neither. */
export function colourOf(file: string): "red" | "green" | "blue" | "none" {
  const { red, green, blue } = averageColour(file);
  const most = Math.max(red, green, blue);
  const rest = [red, green, blue].filter((part) => part !== most);
  if (most < 60 || rest.length < 2 || rest.some((part) => part > most * 0.7)) return "none";
  return most === red ? "red" : most === green ? "green" : "blue";
}
