import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { root } from "../../../tools/package/doors.ts";

const folder = join(root, "examples");
const ending: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

interface Program {
  output(): string;
  /** Waits until it has printed this. */
  says(words: string | RegExp): Promise<void>;
  ended(): Promise<number | null>;
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (output += data.toString()));
  const ended = once(child, "close").then(([code]) => code as number | null);
  ending.push(async () => {
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(killer);
  });
  return {
    output: () => output,
    says: (words) => expect.poll(() => output, { timeout: 30_000, interval: 50 }).toMatch(words),
    ended: () => ended,
  };
}

const example = (name: string, ...args: string[]) => run([join(folder, name), ...args]);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

test("each has its line in the README and imports from the package, from Node.js and from dependencies only", () => {
  const examples = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  for (const name of examples) {
    expect(readme).toContain(`examples/${name}`);
    const text = readFileSync(join(folder, name), "utf8");
    const imports = [...text.matchAll(/from "([^"\n]{1,100})"/g)].map(([, from]) => from);
    for (const from of imports) expect(from, name).toMatch(/^(?:crosspoint(?:\/[a-z0-9-]+)?|node:[a-z/]+|pino)$/);
  }
  expect(examples).toHaveLength(6);
});

test("the SIP phone and the H.323 caller meet in the gateway inside a program", async () => {
  const [sip, h323] = [await freePort(), await freePort()];
  const gateway = example("embedded-gateway.ts", String(sip), String(h323), "38000");
  await gateway.says("the gateway is up");
  const phone = example("sip-phone.ts", `sip:1000@127.0.0.1:${sip}`, "6");
  await phone.says("answered");
  const caller = example("h323-caller.ts", `127.0.0.1:${h323}`, "1000", "3");
  expect([await phone.ended(), await caller.ended()]).toEqual([0, 0]);
  expect(phone.output()).toMatch(/answered\nended: bye-sent, audio was heard/);
  expect(caller.output()).toMatch(/connected to Crosspoint\nreleased with cause 16 by us, audio was heard/);
  expect(gateway.output()).toMatch(/Example phone \(sip\): joined/);
  expect(gateway.output()).toMatch(/Example caller \(h323\): joined/);
}, 60_000);

test("the drachtio application answers a call", async () => {
  const port = await freePort();
  const application = example("drachtio-application.ts", String(port));
  await application.says(`listening on port ${port}`);
  const phone = example("sip-phone.ts", `sip:someone@127.0.0.1:${port}`);
  expect(await phone.ended()).toBe(0);
  expect(phone.output()).toMatch(/not answered\nended: rejected \(302\), nothing was heard/);
  expect(application.output()).toContain(`a call to sip:someone@127.0.0.1:${port}`);
}, 60_000);

test("the SFU adapter and the identity check are taken by a gateway whose configuration names them", async () => {
  const data = mkdtempSync(join(tmpdir(), "crosspoint-examples-"));
  ending.push(async () => rmSync(data, { recursive: true, force: true }));
  const partners = join(data, "partners");
  writeFileSync(partners, "192.0.2.1\n");
  const port = await freePort();
  const config = join(data, "crosspoint.yaml");
  writeFileSync(
    config,
    JSON.stringify({
      listen: "127.0.0.1",
      data,
      sip: { udp: port, tcp: "off", tls: "off" },
      h323: { signalling: "off", ras: "off" },
      web: { port: "off" },
      media: { ports: "38200-38399" },
      video: { enabled: false },
      sfu: join(folder, "sfu-adapter.ts"),
      logging: { format: "json" },
      limits: { cpuPercent: 0, eventLoopMs: 0 },
      trunks: [{ name: "partner", identity: { module: join(folder, "identity-check.ts"), networks: ["127.0.0.0/8"] } }],
      meetings: [{ id: "1000" }],
    }),
  );
  const gateway = run(["src/cli/crosspoint.mjs", "start", "--config", config], { EXAMPLE_PARTNERS: partners });
  await gateway.says("the media server is connected");
  const uri = `sip:1000@127.0.0.1:${port}`;
  const stranger = example("sip-phone.ts", uri);
  await stranger.ended();
  expect(stranger.output()).toMatch(/not answered\nended: rejected \(403\)/);
  expect(gateway.output()).toContain("the trunk's identity module does not know the caller");

  writeFileSync(partners, "192.0.2.1\n127.0.0.1\n");
  const partner = example("sip-phone.ts", uri);
  await partner.ended();
  expect(partner.output()).toMatch(/answered\nended: bye-sent, audio was heard/);
  expect(gateway.output()).toContain("example-sfu-joined");
}, 90_000);
