// What a process of the same machine may have the media server do: nothing.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Places } from "../../../src/media-server/control/places.ts";
import { Sounds } from "../../../src/media-server/control/channel/sounds.ts";
import { type MediaServer, startMediaServer } from "../../../src/media-server/index.ts";
import { callProof } from "../../../src/wire/esl/index.ts";
import { Phone } from "../../support/media-phone.ts";

const SECRET = "of-this-start";
const agent = "drachtio-fsmrf:aaaa";

describe("a call to the media server", () => {
  let server: MediaServer;
  let application: Server;
  let connections = 0;
  let target = "";
  beforeAll(async () => {
    server = await startMediaServer({
      esl: { host: "127.0.0.1", port: 0, password: "pw" },
      sip: { host: "127.0.0.1", port: 0, secret: SECRET },
      rtp: { host: "127.0.0.1", minPort: 26_000, maxPort: 26_199 },
    });
    application = createServer((socket) => {
      connections++;
      socket.on("error", () => {});
      socket.write("connect\n\n");
    });
    await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
    target = `127.0.0.1:${(application.address() as { port: number }).port}`;
  });
  afterAll(async () => {
    application.close();
    await server.stop();
  });

  const call = (headers: Record<string, string>) => Phone.call({ sipPort: server.sipPort, to: "drachtio", headers });
  const asking = (headers: Record<string, string>) => ({ "User-Agent": agent, "X-esl-outbound": target, ...headers });

  it.each([
    ["nothing", () => asking({})],
    ["the secret itself", () => asking({ "X-Crosspoint-Proof": SECRET })],
    ["another secret", () => asking({ "X-Crosspoint-Proof": callProof("another", agent, target) })],
    ["a proof for another address", () => asking({ "X-Crosspoint-Proof": callProof(SECRET, agent, "127.0.0.1:9") })],
    ["a proof of another call", () => asking({ "X-Crosspoint-Proof": callProof(SECRET, "drachtio-fsmrf:bbbb", target) })],
    ["an application of the dialplan", () => ({})],
  ])("that shows %s is refused, and no event socket is connected", async (_, headers) => {
    await expect(call(headers())).rejects.toThrow(/403/);
    expect(connections).toBe(0);
    expect((await server.stats()).totalChannels).toBe(0);
  });

  it("that shows this start's secret for its own address is taken", async () => {
    const phone = await call(asking({ "X-Crosspoint-Proof": callProof(SECRET, agent, target) }));
    await expect.poll(() => connections).toBe(1);
    await phone.hangup();
  });
});

describe("files of the event socket's clients", () => {
  const folder = mkdtempSync(join(tmpdir(), "places-"));
  const sounds = join(folder, "sounds");
  const names = join(folder, "names");
  for (const each of [sounds, names, join(folder, "names-of-others")]) mkdirSync(each);
  writeFileSync(join(folder, "secret.wav"), "");
  writeFileSync(join(sounds, "hello.wav"), "");
  symlinkSync(join(folder, "secret.wav"), join(sounds, "link.wav"));
  symlinkSync(folder, join(names, "up"));
  symlinkSync(join(folder, "secret.wav"), join(names, "link.wav"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const places = new Places(names, { play: [sounds, names], record: [names] });

  it.each(["a.wav", "deep/er/a.wav", join(names, "a.wav"), join(names, "..", "names", "a.wav")])("are recorded to %s", (name) => {
    expect(places.recording(name)).toMatch(new RegExp(`^${names}/`));
  });

  it.each([
    "../a.wav",
    "../names-of-others/a.wav",
    "/etc/a.wav",
    join(names, "..", "a.wav"),
    "up/a.wav",
    "link.wav",
    join(sounds, "hello.wav"),
    "http://127.0.0.1/a.wav",
    "shout://127.0.0.1/a.mp3",
    "a\0.wav",
    "",
    ".",
  ])("are not recorded to %j", (name) => {
    expect(places.recording(name)).toBeUndefined();
    expect(readdirSync(folder)).not.toContain("a.wav");
  });

  it("are played from the folders of sounds only, in each of the ways there are", () => {
    const found = new Sounds(sounds, sounds, (path) => places.playable(path));
    const hello = join(sounds, "hello.wav");
    for (const name of ["hello.wav", hello, `{vol=1}${hello}`, "./hello.wav"]) expect(found.resolve(name, 8000)).toBe(hello);
    for (const name of ["../secret.wav", join(folder, "secret.wav"), "link.wav", "{a=b}/etc/hostname", join(names, "up", "secret.wav")])
      expect(found.resolve(name, 8000)).toBe("");
    expect(found.resolve(`file_string://${hello}!../secret.wav`, 8000)).toBe(`file_string://${hello}!`);
    for (const name of ["http://127.0.0.1/a.wav", "shout://127.0.0.1/a.mp3", "music:///etc/hostname"])
      expect(found.resolve(name, 8000)).toMatch(/^$|^.*\/sounds\//);
    expect(found.resolve("tone_stream://%(100,0,440)", 8000)).toBe("tone_stream://%(100,0,440)");
  });
});
