import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { owned, runs } from "./processes.ts";

export interface Janus {
  readonly url: string;
  readonly adminKey: string;
  output(): string;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Stops it where it stands, as a machine that hangs, and lets it go on. */
  freeze(): void;
  thaw(): void;
  /** Starts it again, with nothing in it. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const ADMIN_KEY = "the-key-of-the-plugins";
const PLUGINS = ["libjanus_audiobridge.so", "libjanus_videoroom.so"];

/** Debian keeps them in the folder of its architecture. */
function libraries(): string {
  for (const folder of readdirSync("/usr/lib")) {
    try {
      if (readdirSync(join("/usr/lib", folder, "janus/plugins")).length > 0) return join("/usr/lib", folder, "janus");
    } catch {
      // no Janus there
    }
  }
  throw new Error("Janus has no plugins here");
}

/** Runs Janus with a configuration of its own: WebSocket API, audiobridge and videoroom on 127.0.0.1, nothing else. */
export async function startJanus({
  port,
  media,
  address = "127.0.0.1",
  audio = 200,
}: {
  readonly port: number;
  readonly media: number;
  /** Of the interface its ICE uses, which cannot be loopback. */
  readonly address?: string;
  /** Ports of the audiobridge's plain RTP. */
  readonly audio?: number;
}): Promise<Janus> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-janus-"));
  const lib = libraries();
  const disabled = (kind: string, keep: readonly string[]) =>
    readdirSync(join(lib, kind))
      .filter((file) => file.endsWith(".so") && !keep.includes(file))
      .join(",");
  mkdirSync(folder, { recursive: true });
  const write = (file: string, lines: readonly string[]) => writeFileSync(join(folder, file), `${lines.join("\n")}\n`);
  const folders = ["configs", "plugins", "transports", "events", "loggers"].map((kind) =>
    kind === "configs" ? `  configs_folder = "${folder}"` : `  ${kind}_folder = "${join(lib, kind)}"`,
  );
  write("janus.jcfg", [
    "general: {",
    ...folders,
    "  debug_level = 4",
    `  interface = "${address}"`,
    "}",
    `media: { rtp_port_range = "${media}-${media + 199}" }`,
    `plugins: { disable = "${disabled("plugins", PLUGINS)}" }`,
    `transports: { disable = "${disabled("transports", ["libjanus_websockets.so"])}" }`,
  ]);
  write("janus.transport.websockets.jcfg", [
    `general: { ws = true, ws_port = ${port}, ws_interface = "lo", ws_ip = "127.0.0.1", wss = false }`,
  ]);
  write("janus.plugin.videoroom.jcfg", [`general: { admin_key = "${ADMIN_KEY}", rtp_port_range = "${media + 200}-${media + 399}" }`]);
  write("janus.plugin.audiobridge.jcfg", [
    `general: { admin_key = "${ADMIN_KEY}", local_ip = "127.0.0.1", rtp_port_range = "${media + 400}-${media + 399 + audio}" }`,
  ]);
  let child: ChildProcess | undefined;
  let output = "";

  async function start(): Promise<void> {
    const started = owned(spawn("janus", ["-F", folder, "-C", join(folder, "janus.jcfg")], { stdio: ["ignore", "pipe", "pipe"] }));
    child = started;
    started.stdout.on("data", (data: Buffer) => (output += data.toString()));
    started.stderr.on("data", (data: Buffer) => (output += data.toString()));
    for (let tries = 0; tries < 600 && runs(started); tries++) {
      const open = await new Promise<boolean>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.destroy();
          resolve(true);
        });
        socket.once("error", () => resolve(false));
      });
      if (open) return;
      await delay(100);
    }
    throw new Error(`Janus did not start: ${output.slice(-2000)}`);
  }

  async function end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const running = child;
    child = undefined;
    if (!running || !runs(running)) return;
    const exited = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    const timer = setTimeout(() => running.kill("SIGKILL"), 10_000);
    await exited;
    clearTimeout(timer);
  }

  await start();
  return {
    url: `ws://127.0.0.1:${port}`,
    adminKey: ADMIN_KEY,
    output: () => output,
    kill: () => end("SIGKILL"),
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    start,
    stop: async () => {
      await end("SIGTERM");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
