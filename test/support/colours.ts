import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";

/**
 * A moving picture of one colour, H.264 in MP4: who shows it is known by it. Small enough for a test, and it moves, so that no encoder skips it. It lasts
 * five minutes, longer than any test: baresip begins a file that ends anew, but its encoder takes no frame then until the clock has caught up with where
 * it was.
 */
export function colourVideo(file: string, colour: string): void {
  const ffmpeg = (...args: string[]) => execFileSync("ffmpeg", ["-hide_banner", "-loglevel", "error", "-y", ...args]);
  const short = `${file}.short.mp4`;
  const source = ["-f", "lavfi", "-i", `color=c=${colour}:size=320x180:rate=15`, "-vf", "noise=alls=6:allf=t", "-t", "10"];
  const h264 = ["-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "30", "-bf", "0"];
  ffmpeg(...source, ...h264, short);
  ffmpeg("-stream_loop", "29", "-i", short, "-c", "copy", file);
  rmSync(short);
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
