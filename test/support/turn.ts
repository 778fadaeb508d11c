import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { owned, runs } from "./processes.ts";

export interface Turn {
  readonly secret: string;
  /** What it printed: sessions, their transport, bytes relayed. */
  output(): string;
  stop(): Promise<void>;
}

/**
 * coturn on 127.0.0.1, reached over TCP and TLS only, as from behind a firewall that lets no UDP through; names by shared secret.
 * @param options `port` TCP, `port + 1` TLS, relays from `port + 10` on; certificate and key of the TLS side
 */
export async function startTurn(options: { readonly port: number; readonly cert: string; readonly key: string }): Promise<Turn> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-turn-"));
  const secret = "a-secret-for-tests-only";
  const file = join(folder, "turnserver.conf");
  writeFileSync(
    file,
    [
      "listening-ip=127.0.0.1",
      "relay-ip=127.0.0.1",
      `listening-port=${options.port}`,
      `tls-listening-port=${options.port + 1}`,
      `min-port=${options.port + 10}`,
      `max-port=${options.port + 59}`,
      "no-udp",
      "no-dtls",
      "use-auth-secret",
      `static-auth-secret=${secret}`,
      "realm=crosspoint.test",
      "allow-loopback-peers",
      "no-cli",
      "fingerprint",
      `cert=${options.cert}`,
      `pkey=${options.key}`,
      "log-file=stdout",
      "verbose",
      `pidfile=${join(folder, "pid")}`,
      `userdb=${join(folder, "db")}`,
      "",
    ].join("\n"),
  );
  const child: ChildProcess = owned(spawn("turnserver", ["-c", file], { stdio: ["ignore", "pipe", "pipe"], cwd: folder }));
  let output = "";
  child.stdout!.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr!.on("data", (data: Buffer) => (output += data.toString()));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const listens = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
  for (let tries = 0; !((await listens(options.port)) && (await listens(options.port + 1))); tries++) {
    if (tries > 600 || !runs(child)) throw new Error(`coturn did not start:\n${output.slice(-3000)}`);
    await delay(100);
  }
  return {
    secret,
    output: () => output,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
