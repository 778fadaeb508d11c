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

/** The name of a colour among those the tests use, or its parts where it is none of them. */
export function nameOfColour(red: number, green: number, blue: number): string {
  const most = Math.max(red, green, blue);
  if (most < 60 || [red, green, blue].filter((part) => part > most * 0.7).length > 1) return `rgb(${red},${green},${blue})`;
  return most === red ? "red" : most === green ? "green" : "blue";
}

/** The colour of a picture on the whole, decoded by ffmpeg. */
export function colourOf(file: string): string {
  const [red, green, blue] = execFileSync("ffmpeg", [
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
  if (red === undefined || green === undefined || blue === undefined) throw new Error(`${file} has no picture`);
  return nameOfColour(red, green, blue);
}
