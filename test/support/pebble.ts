import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createAuthority, issueCertificate } from "../../src/security/issue.ts";
import { owned } from "./processes.ts";

/** Let's Encrypt's Pebble: a CA that speaks ACME, and a name server by which every name is this machine. */
export interface Pebble {
  readonly directory: string;
  /** CA of the directory's own certificate. */
  readonly ca: string;
  stop(): Promise<void>;
}

export interface PebbleOptions {
  /** First of four ports: ACME, management, DNS, DNS's management. */
  readonly port: number;
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Seconds that its certificates are valid. */
  readonly validity: number;
}

export async function startPebble({ port, httpPort, tlsPort, validity }: PebbleOptions): Promise<Pebble> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-pebble-"));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const authority = await createAuthority({ subject: { commonName: "pebble's own" }, kind: "ecdsa-p256" });
  const own = await issueCertificate(authority, { subject: { commonName: "localhost", names: ["127.0.0.1"] }, kind: "ecdsa-p256" });
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${port + 1}`,
    certificate: file("own.crt", own.chain),
    privateKey: file("own.key", own.key),
    httpPort,
    tlsPort,
    certificateValidityPeriod: validity,
  };
  const env = { ...process.env, PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "20" };
  const dns = ["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", `127.0.0.1:${port + 2}`, "-management", `127.0.0.1:${port + 3}`];
  const programs = [
    spawn("pebble-challtestsrv", [...dns, "-http01", "", "-https01", "", "-tlsalpn01", ""], { stdio: "ignore" }),
    spawn("pebble", ["-config", file("pebble.json", JSON.stringify({ pebble: config })), "-dnsserver", `127.0.0.1:${port + 2}`], {
      stdio: "ignore",
      env,
    }),
  ].map(owned);
  const directory = `https://127.0.0.1:${port}/dir`;
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      get(directory, { ca: authority.cert, agent: false }, (response) => resolve(response.resume().statusCode === 200)).on("error", () =>
        resolve(false),
      );
    });
  for (let tries = 0; !(await answers()); tries++) {
    if (tries > 200) throw new Error("pebble does not answer");
    await delay(100);
  }
  return {
    directory,
    ca: file("ca.crt", authority.cert),
    async stop() {
      await Promise.all(
        programs.map(
          (program) =>
            new Promise<void>((resolve) => {
              if (program.exitCode !== null) return resolve();
              program.once("exit", () => resolve());
              program.kill("SIGKILL");
            }),
        ),
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
