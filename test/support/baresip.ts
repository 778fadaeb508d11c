import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { owned } from "./processes.ts";

/** A baresip instance: a room system without a screen. */
export interface BaresipOptions {
  /** SIP port on 127.0.0.1; TLS listens one higher. */
  readonly port: number;
  /** Port of its control socket on 127.0.0.1. */
  readonly controlPort: number;
  readonly transport?: "udp" | "tcp" | "tls";
  /** Account parameters added after the transport, for example `mediaenc=srtp-mand`. */
  readonly account?: string;
  /** `PCMU/8000`, ... in order; default PCMU. */
  readonly codecs?: string;
  /** Frequency of the tone it speaks, a whole number of hertz; 440 if absent. */
  readonly tone?: number;
  /** WAV file it speaks instead, at the codec's rate. */
  readonly speak?: string;
  /** PEM file with key and certificate for TLS. */
  readonly certificate?: string;
  /** PEM file of the CA it trusts. */
  readonly ca?: string;
  /** Answers calls by itself. */
  readonly autoAnswer?: boolean;
  /** Its camera: a file that ffmpeg can read, played again and again. Without one it has no video. */
  readonly camera?: string;
  /** First of 100 RTP ports. */
  readonly rtpStart: number;
}

export interface Baresip {
  /** Sends a command of its menu, for example `dial`, and returns the answer's data. */
  command(name: string, params?: string): Promise<string>;
  /** Events received on the control socket, oldest first. */
  readonly events: readonly { readonly type: string; readonly param: string }[];
  waitForEvent(type: string, ms?: number): Promise<{ type: string; param: string }>;
  /** What it printed. */
  output(): string;
  /** Writes the picture it sees to a PNG; rejects when none has come. */
  picture(): Promise<string>;
  /** WAV files of what each call heard so far, oldest first; headers are complete once the call has ended. Read them before `stop`. */
  heard(): Buffer[];
  stop(): Promise<void>;
}

interface ControlMessage {
  readonly event?: boolean;
  readonly type?: string;
  readonly param?: string;
  readonly response?: boolean;
  readonly data?: string;
  readonly token?: string;
}

/** What aufile must be: rate and channels of the first codec. G.722 says 8000 in SDP and is 16000 (RFC 3551 section 4.5.2). */
function formatOf(codecs: string): { rate: number; channels: number } {
  const first = codecs.split(",")[0]!.toLowerCase();
  if (first.startsWith("opus")) return { rate: 48_000, channels: 2 };
  return { rate: first.startsWith("g722") ? 16_000 : 8000, channels: 1 };
}

/** Seconds of a tone: baresip falls silent at its end, so it is longer than any test. */
const TONE_SECONDS = 300;

/** A sine of a whole number of hertz at a fifth of full scale, 16 bit, the same in every channel. */
function toneWav(frequency: number, { rate, channels }: { rate: number; channels: number }): Buffer {
  const bytes = rate * TONE_SECONDS * channels * 2;
  const wav = Buffer.alloc(44 + bytes);
  wav.write("RIFF", 0);
  wav.writeUInt32LE(36 + bytes, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(channels, 22);
  wav.writeUInt32LE(rate, 24);
  wav.writeUInt32LE(rate * channels * 2, 28);
  wav.writeUInt16LE(channels * 2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36);
  wav.writeUInt32LE(bytes, 40);
  // a second has whole periods: one after the other is the same tone
  const second = Buffer.alloc(rate * channels * 2);
  for (let index = 0; index < rate * channels; index++) {
    second.writeInt16LE(Math.round(6500 * Math.sin((2 * Math.PI * frequency * Math.floor(index / channels)) / rate)), index * 2);
  }
  wav.fill(second, 44);
  return wav;
}

/** Starts baresip with a configuration of its own and connects to its control socket. Throws with its output when it does not come up. */
export async function startBaresip(options: BaresipOptions): Promise<Baresip> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-baresip-"));
  const transport = options.transport ?? "udp";
  const tone = join(folder, "tone.wav");
  writeFileSync(tone, toneWav(options.tone ?? 440, formatOf(options.codecs ?? "PCMU/8000")));
  const modules = [
    "stdio.so",
    "account.so",
    "menu.so",
    "ctrl_tcp.so",
    "g711.so",
    "g722.so",
    "opus.so",
    "srtp.so",
    "aufile.so",
    "sndfile.so",
    "aubridge.so",
    "ausine.so",
    "uuid.so",
    ...(options.camera === undefined ? [] : ["avcodec.so", "avformat.so", "fakevideo.so", "swscale.so", "snapshot.so"]),
  ];
  writeFileSync(
    join(folder, "config"),
    [
      "net_interface 127.0.0.1",
      `sip_listen 127.0.0.1:${options.port}`,
      ...(options.certificate === undefined ? [] : [`sip_certificate ${options.certificate}`]),
      ...(options.ca === undefined ? [] : [`sip_cafile ${options.ca}`]),
      "call_local_timeout 120",
      `rtp_ports ${options.rtpStart}-${options.rtpStart + 99}`,
      "jitter_buffer_delay 2-5",
      `audio_source aufile,${options.speak ?? tone}`,
      "audio_player aubridge,nil",
      "audio_alert aubridge,nil",
      ...(options.camera === undefined
        ? []
        : [
            `video_source avformat,${options.camera}`,
            "video_display fakevideo,nil",
            "video_size 320x180",
            "video_bitrate 400000",
            "video_fps 15",
            "videnc_format yuv420p",
          ]),
      `snd_path ${folder}`,
      `ctrl_tcp_listen 127.0.0.1:${options.controlPort}`,
      "module_path /usr/lib/baresip/modules",
      ...modules.map((module) => (/^(account|menu|ctrl_tcp|uuid)/.test(module) ? `module_app ${module}` : `module ${module}`)),
      "",
    ].join("\n"),
  );
  const port = transport === "tls" ? options.port + 1 : options.port;
  writeFileSync(
    join(folder, "accounts"),
    `<sip:room@127.0.0.1:${port};transport=${transport}>;regint=0;audio_codecs=${options.codecs ?? "PCMU/8000"};answermode=${options.autoAnswer === true ? "auto" : "manual"}${options.account === undefined ? "" : `;${options.account}`}\n`,
  );
  writeFileSync(join(folder, "contacts"), "");
  const child = owned(spawn("baresip", ["-f", folder], { stdio: ["ignore", "pipe", "pipe"], cwd: folder }));
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  let ended = false;
  const exited = new Promise<void>((resolve) =>
    child.once("exit", () => {
      ended = true;
      resolve();
    }),
  );
  const control = await (async (): Promise<Socket> => {
    for (let tries = 0; tries < 600 && !ended; tries++) {
      const socket = await new Promise<Socket | undefined>((resolve) => {
        const attempt = connect(options.controlPort, "127.0.0.1", () => resolve(attempt));
        attempt.once("error", () => resolve(undefined));
      });
      if (socket !== undefined) return socket;
      await delay(100);
    }
    child.kill("SIGKILL");
    throw new Error(`baresip did not start: ${output.slice(-2000)}`);
  })();
  const events: { type: string; param: string }[] = [];
  const answers = new Map<string, (data: string) => void>();
  let buffered = Buffer.alloc(0);
  control.on("error", () => {});
  control.on("data", (data: Buffer) => {
    buffered = Buffer.concat([buffered, data]);
    // Netstrings: <length>:<bytes>,
    for (;;) {
      const colon = buffered.indexOf(0x3a);
      if (colon < 0) return;
      const length = Number(buffered.subarray(0, colon).toString());
      if (buffered.length < colon + 1 + length + 1) return;
      const message = JSON.parse(buffered.subarray(colon + 1, colon + 1 + length).toString()) as ControlMessage;
      buffered = buffered.subarray(colon + length + 2);
      if (message.event === true) events.push({ type: message.type ?? "", param: message.param ?? "" });
      else if (message.response === true) answers.get(message.token ?? "")?.(message.data ?? "");
    }
  });
  let token = 0;
  const baresip: Baresip = {
    events,
    command(command, params) {
      const id = String(++token);
      const text = JSON.stringify({ command, ...(params === undefined ? {} : { params }), token: id });
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`baresip did not answer ${command}: ${output.slice(-1000)}`)), 20_000);
        answers.set(id, (data) => {
          clearTimeout(timer);
          answers.delete(id);
          resolve(data);
        });
        control.write(`${Buffer.byteLength(text)}:${text},`);
      });
    },
    async waitForEvent(type, ms = 30_000) {
      for (let waited = 0; ; waited += 20) {
        const event = events.find((candidate) => candidate.type === type);
        if (event !== undefined) return event;
        if (waited >= ms || ended)
          throw new Error(`no ${type} from baresip; events ${events.map((seen) => seen.type).join(" ")}; ${output.slice(-2500)}`);
        await delay(20);
      }
    },
    output: () => output,
    async picture() {
      const file = join(folder, `seen-${++token}.png`);
      await baresip.command("snapshot_recv", file);
      for (let waited = 0; waited < 3000; waited += 50) {
        if (existsSync(file) && readFileSync(file).length > 0) return file;
        await delay(50);
      }
      throw new Error(`baresip shows no picture: ${output.slice(-1500)}`);
    },
    heard: () =>
      existsSync(folder)
        ? readdirSync(folder)
            .filter((file) => file.endsWith("-dec.wav"))
            .sort()
            .map((file) => readFileSync(join(folder, file)))
        : [],
    async stop() {
      control.destroy();
      if (!ended) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(timer);
      if (process.env["CROSSPOINT_KEEP"] !== undefined) cpSync(folder, process.env["CROSSPOINT_KEEP"], { recursive: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return baresip;
}
