import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSocket } from "node:dgram";
import { afterEach, expect, test, vi } from "vitest";
import { doctor, type Finding } from "../../../src/cli/doctor.ts";
import { clockOffset } from "../../../src/cli/doctor-clock.ts";
import { openSipEndpoint } from "../../../src/io/sip/endpoint.ts";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0)) await end();
  vi.restoreAllMocks();
});

/** What doctor finds with a configuration of these trunks' targets. */
async function findings(yaml: string): Promise<readonly Finding[]> {
  const file = join(mkdtempSync(join(tmpdir(), "doctor-")), "crosspoint.yaml");
  writeFileSync(file, yaml);
  let text = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  await doctor({ file }, { ntp: "127.0.0.1", json: true });
  write.mockRestore();
  return (JSON.parse(text) as { findings: Finding[] }).findings;
}

async function closedPort(): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

test("each trunk's target is asked by OPTIONS, and a mistake in one key hides no other check", async () => {
  const peer = await openSipEndpoint({ host: "127.0.0.1", port: 0, onInvite: (session, now) => session.reject(now, 486) });
  ending.push(() => peer.close());
  const dead = await closedPort();
  const found = await findings(`
listen: 127.0.0.1
no-such-key: 1
sip: { udp: 0, tcp: null, tls: null }
trunks:
  - { name: there, target: "sip:127.0.0.1:${peer.listeners[0]!.port}", identity: { networks: ["127.0.0.0/8"] } }
  - { name: gone, target: "sip:127.0.0.1:${dead}", identity: { networks: ["127.0.0.0/8"] } }
`);
  const of = (check: string) => found.filter((one) => one.check === check);
  expect(of("configuration").some(({ status, detail }) => status === "fail" && detail.includes("no-such-key"))).toBe(true);
  expect(of("trunk there")).toMatchObject([{ status: "ok", detail: expect.stringContaining("answers OPTIONS with 200") }]);
  expect(of("trunk gone")).toMatchObject([{ status: "warn", detail: expect.stringContaining(`127.0.0.1:${dead}`) }]);
  for (const check of ["media.ports", "disk", "clock", "open files"]) expect(of(check)).toHaveLength(1);
}, 30_000);

test("a time server whose name is found too late is no fault", async () => {
  expect(await clockOffset("no-such-host.invalid", 0)).toBeNull();
  await new Promise((resolve) => setTimeout(resolve, 300));
});
