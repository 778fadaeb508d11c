import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SrtpKeying } from "../../src/srtp/index.ts";
import { nameOfColour } from "./colours.ts";
import { listening } from "./listening.ts";
import { owned, runs } from "./processes.ts";

/** SDES key as ffmpeg and SDP write it. It knows AES_CM_128_HMAC_SHA1_80 only. */
const inline = ({ masterKey, masterSalt }: SrtpKeying) => Buffer.concat([masterKey, masterSalt]).toString("base64");

/** A program of a test's own and its folder. */
class Program {
  readonly process: ChildProcess;
  readonly folder: string;
  errors = "";

  constructor(command: string, folder: string, args: readonly string[]) {
    this.folder = folder;
    this.process = owned(spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] }));
    this.process.stderr?.on("data", (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
  }

  async stop(): Promise<void> {
    if (runs(this.process)) {
      this.process.kill("SIGKILL");
      await once(this.process, "exit");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** ffmpeg as a camera: H.264 of one colour, 15 pictures a second, a key frame a second. */
export interface Camera {
  /** `sprop-parameter-sets` of its SDP. */
  parameterSets(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a camera that sends from `localPort` to `port`; with `setsInSdpOnly` no parameter sets are in its stream. */
export function startCamera(options: {
  readonly colour: string;
  readonly port: number;
  readonly localPort: number;
  readonly srtp?: SrtpKeying;
  readonly setsInSdpOnly?: boolean;
  /** 96 where absent. */
  readonly payloadType?: number;
}): Camera {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-camera-"));
  const description = join(folder, "camera.sdp");
  const { colour, port, localPort, srtp, payloadType = 96 } = options;
  const program = new Program("ffmpeg", folder, [
    ...[
      "-hide_banner",
      "-loglevel",
      "error",
      "-re",
      "-f",
      "lavfi",
      "-i",
      `color=c=${colour}:size=320x180:rate=15`,
      "-vf",
      "noise=alls=6:allf=t",
    ],
    ...["-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "15", "-bf", "0", "-tune", "zerolatency"],
    ...["-x264-params", "slices=1", ...(options.setsInSdpOnly ? ["-flags", "+global_header"] : [])],
    ...["-sdp_file", description, "-f", "rtp", "-payload_type", String(payloadType)],
    ...(srtp ? ["-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params", inline(srtp)] : []),
    `${srtp ? "srtp" : "rtp"}://127.0.0.1:${port}?localrtpport=${localPort}&localrtcpport=${localPort + 1}&pkt_size=1100`,
  ]);
  return {
    async parameterSets() {
      for (let tries = 0; tries < 1200; tries++) {
        try {
          const sets = /sprop-parameter-sets=([^;\s]+)/.exec(readFileSync(description, "utf8"))?.[1];
          if (sets) return sets;
        } catch {
          // not written yet
        }
        await sleep(50);
      }
      throw new Error(`no parameter sets in the camera's SDP: ${program.errors}`);
    },
    stop: () => program.stop(),
  };
}

/** ffmpeg as a screen: decodes what comes to a port and tells the colour of each picture. */
export interface Screen {
  /** Colours seen so far, neighbours of the same colour as one. */
  readonly colours: readonly string[];
  /** What the decoder complained about. */
  readonly errors: string;
  /** Pictures decoded. */
  readonly pictures: number;
  stop(): Promise<void>;
}

/** Starts a screen on `port`; with `srtp` it expects packets under this key. Resolves when it listens: what came before it would miss the first key frame. */
export async function startScreen(port: number, srtp?: SrtpKeying, payloadType = 96): Promise<Screen> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-screen-"));
  const description = join(folder, "screen.sdp");
  const lines = [
    ...[
      "v=0",
      "o=- 0 0 IN IP4 127.0.0.1",
      "s=-",
      "c=IN IP4 127.0.0.1",
      "t=0 0",
      `m=video ${port} ${srtp ? "RTP/SAVP" : "RTP/AVP"} ${payloadType}`,
    ],
    ...[`a=rtpmap:${payloadType} H264/90000`, `a=fmtp:${payloadType} packetization-mode=1`],
    ...(srtp ? [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${inline(srtp)}`] : []),
  ];
  writeFileSync(description, `${lines.join("\r\n")}\r\n`);
  const program = new Program("ffmpeg", folder, [
    ...[
      "-hide_banner",
      "-loglevel",
      "error",
      "-protocol_whitelist",
      "file,rtp,srtp,udp,crypto",
      "-analyzeduration",
      "100000",
      "-probesize",
      "5000",
    ],
    ...["-fflags", "nobuffer", "-flags", "low_delay", "-i", description, "-vf", "scale=1:1:flags=area"],
    ...["-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
  ]);
  const colours: string[] = [];
  let pictures = 0;
  let rest = Buffer.alloc(0);
  program.process.stdout?.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= 3; rest = rest.subarray(3)) {
      pictures++;
      const colour = nameOfColour(rest[0]!, rest[1]!, rest[2]!);
      if (colours.at(-1) !== colour) colours.push(colour);
    }
  });
  await listening(port, { why: () => `ffmpeg: ${program.errors}` });
  return {
    colours,
    get errors() {
      return program.errors;
    },
    get pictures() {
      return pictures;
    },
    stop: () => program.stop(),
  };
}
