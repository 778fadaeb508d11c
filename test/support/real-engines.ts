import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { owned } from "./processes.ts";

/**
 * drachtio-server and FreeSWITCH under the gateway, where the environment names their programs: `DRACHTIO` and `FREESWITCH`. They are started for each gateway,
 * on the ports its own listeners would have, with the configuration files of docker/, unchanged: what the tests prove, they prove of those files.
 */
const DOCKER = join(import.meta.dirname, "../../docker");
const SECRET = "a-secret-for-tests";

export const realDrachtio = process.env["DRACHTIO"];
export const realFreeswitch = process.env["FREESWITCH"];

export interface RealEnginesOptions {
  /** Of SIP over UDP and TCP; TLS is one higher; FreeSWITCH's own SIP and event socket, and drachtio's admin port are 5, 6 and 7 higher. */
  readonly port: number;
  readonly mediaPort: number;
  /** Holds server.crt, server.key and ca.crt before drachtio-server is started. */
  readonly certificates: string;
  /** For FreeSWITCH's files. */
  readonly folder: string;
}

export interface RealEngines {
  /** `key=value` for the gateway. */
  readonly settings: readonly string[];
  /** Kills one without a word, and starts it anew after `ms`; resolves when it listens again. */
  replace(which: "drachtio" | "freeswitch", ms: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts what the environment names; nothing is fine. Throws with the server's output when one does not come up. */
export async function startRealEngines({ port, mediaPort, certificates, folder }: RealEnginesOptions): Promise<RealEngines> {
  const running: Server[] = [];
  const settings: string[] = [];
  const stop = async () => void (await Promise.all(running.map((server) => server.stop())));
  const replace: RealEngines["replace"] = async (which, ms) => {
    const server = running.find(({ name }) => name === which);
    if (!server) throw new Error(`${which} is not under this gateway`);
    await server.kill();
    await delay(ms);
    server.start();
    await server.listening();
  };
  try {
    if (realFreeswitch !== undefined) {
      const [sip, esl] = [port + 5, port + 6];
      const own = (name: string) => {
        const path = join(folder, "freeswitch", name);
        mkdirSync(path, { recursive: true });
        return path;
      };
      const folders = ["log", "db", "run"].flatMap((name) => [`-${name}`, own(name)]);
      const server = new Server(
        "freeswitch",
        esl,
        realFreeswitch,
        ["-c", "-nf", "-nonat", "-nocal", "-conf", join(DOCKER, "freeswitch"), ...folders, "-temp", own("temp")],
        {
          FREESWITCH_SIP_PORT: String(sip),
          FREESWITCH_ESL_PORT: String(esl),
          FREESWITCH_PASSWORD: SECRET,
          FREESWITCH_RTP_FIRST_PORT: String(mediaPort),
          FREESWITCH_RTP_LAST_PORT: String(mediaPort + 199),
        },
      );
      running.push(server);
      await server.listening();
      settings.push("engine.media=freeswitch", `engine.freeswitch.port=${esl}`, `engine.freeswitch.password=${SECRET}`);
    }
    if (realDrachtio !== undefined) {
      const admin = port + 7;
      const contacts = [`sip:127.0.0.1:${port};transport=udp,tcp`, `sips:127.0.0.1:${port + 1};transport=tls`];
      const server = new Server(
        "drachtio",
        admin,
        realDrachtio,
        ["-f", join(DOCKER, "drachtio.conf.xml"), ...contacts.flatMap((contact) => ["--contact", contact])],
        {
          DRACHTIO_ADMIN_TCP_PORT: String(admin),
          DRACHTIO_SECRET: SECRET,
          DRACHTIO_TLS_KEY_FILE: join(certificates, "server.key"),
          DRACHTIO_TLS_CERT_FILE: join(certificates, "server.crt"),
          DRACHTIO_TLS_CHAIN_FILE: join(certificates, "ca.crt"),
        },
      );
      running.push(server);
      await server.listening();
      settings.push("engine.sip=drachtio", `engine.drachtio.port=${admin}`, `engine.drachtio.secret=${SECRET}`);
    }
    return { settings, replace, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

class Server {
  readonly name: string;
  readonly #port: number;
  readonly #program: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #process!: ChildProcess;
  #exited!: Promise<void>;
  #output = "";

  /** @param port where it listens once it is ready */
  constructor(name: string, port: number, program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#port = port;
    this.#program = program;
    this.#args = args;
    this.#env = env;
    this.start();
  }

  start(): void {
    this.#process = owned(spawn(this.#program, this.#args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...this.#env } }));
    const keep = (data: Buffer) => (this.#output = (this.#output + data.toString()).slice(-8000));
    this.#process.stdout?.on("data", keep);
    this.#process.stderr?.on("data", keep);
    this.#exited = new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.once("error", (error) => {
        this.#output += error.message;
        resolve();
      });
    });
  }

  /** Until something listens there. */
  async listening(): Promise<void> {
    for (let tries = 0; tries < 600 && this.#process.exitCode === null; tries++) {
      const there = await new Promise<boolean>((resolve) => {
        const socket = connect(this.#port, "127.0.0.1", () => resolve(true));
        socket.once("error", () => resolve(false));
        socket.once("connect", () => socket.destroy());
      });
      if (there) return;
      await delay(100);
    }
    throw new Error(`${this.#program} does not listen on ${this.#port}:\n${this.#output}`);
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5000);
    await this.#exited;
    clearTimeout(timer);
  }
}
