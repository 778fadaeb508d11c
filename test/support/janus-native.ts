/**
 * A room and a client of Janus's own in one meeting; prints who sees and hears whom as one line of JSON. Runs in a network namespace of its own, whose
 * veth interface has the address given: Janus's ICE never uses loopback. `node janus-native.ts ADDRESS`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startBaresip } from "./baresip.ts";
import { startBrowser } from "./browser.ts";
import { colourOf, colourVideo } from "./colours.ts";
import { startCrosspoint } from "./crosspoint.ts";
import { tonesHeard } from "./heard.ts";
import { startJanus } from "./janus.ts";
import { portsOf } from "./ports.ts";

/** Those of the test that runs it: it has a network of its own. */
const PORT = portsOf("janus");
const [address = "127.0.0.1"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "crosspoint-janus-native-"));
const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];

/** Tries until it is so, or time is up; then what it was last. */
async function until<T>(get: () => Promise<T>, wanted: (value: T) => boolean, ms = 40_000): Promise<T | string> {
  let last: T | string = "never";
  for (const end = Date.now() + ms; Date.now() < end; await delay(400)) {
    try {
      last = await get();
      if (wanted(last)) return last;
    } catch (error) {
      last = error instanceof Error ? error.message.slice(0, 200) : String(error);
    }
  }
  return last;
}

try {
  colourVideo(join(folder, "red.mp4"), "red");
  const janus = await startJanus({ port: PORT + 10, media: PORT + 220, address });
  closing.push(() => janus.stop());
  const gateway = await startCrosspoint({
    port: PORT,
    mediaPort: PORT + 20,
    set: ["sfu=janus", `janus.url=${janus.url}`, `janus.adminKey=${janus.adminKey}`, "janus.mediaHost=127.0.0.1"],
  });
  closing.push(() => gateway.stop());
  const room = await startBaresip({
    port: PORT + 820,
    controlPort: PORT + 823,
    rtpStart: PORT + 830,
    camera: join(folder, "red.mp4"),
    tone: 440,
  });
  closing.push(() => room.stop());
  await room.command("dial", `sip:1000@${gateway.sip}`);
  await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));

  const browser = await startBrowser({ colour: "green", tone: 1100 });
  closing.push(() => browser.close());
  const pages = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>client</title>"));
  await new Promise<void>((resolve) => pages.listen(PORT + 11, "127.0.0.1", resolve));
  closing.push(() => pages.close());
  await browser.page.addInitScript({ path: join(import.meta.dirname, "janus-client-page.js") });
  await browser.page.goto(`http://127.0.0.1:${PORT + 11}/`);
  await browser.page.evaluate(`janusClient(${JSON.stringify({ url: janus.url, room: 1000 })})`);
  const [roster] = await gateway.participants("1000");
  const clientSees = await until<string | null>(
    () => browser.page.evaluate(`janusSees(${JSON.stringify(roster?.displayName ?? "")})`),
    (colour) => colour === "red",
  );
  const clientHears = await until<number[]>(
    () => browser.hears([440, 1100]),
    (tones) => tones.length > 0,
  );
  const roomSees = await until(
    () => room.picture().then(colourOf),
    (colour) => colour === "green",
  );
  const roomHears = await until(
    async () => tonesHeard(room, [440, 1100], 2),
    (tones) => tones.length > 0,
  );
  // a second room, which says nothing: it sees who speaks, Janus's client or the other room
  colourVideo(join(folder, "blue.mp4"), "blue");
  const viewer = await startBaresip({ port: PORT + 930, controlPort: PORT + 933, rtpStart: PORT + 940, camera: join(folder, "blue.mp4") });
  closing.push(() => viewer.stop());
  await viewer.command("dial", `sip:1000@${gateway.sip}`);
  await viewer.waitForEvent("CALL_ESTABLISHED");
  await viewer.command("mute");
  const viewerSees = (colour: string) =>
    until(
      () => viewer.picture().then(colourOf),
      (seen) => seen === colour,
    );
  const speakers = [await viewerSees("green")];
  // the room has talked all the time: it is seen once the client is silent
  await browser.page.evaluate("janusSpeaks(false)");
  speakers.push(await viewerSees("red"));
  await browser.page.evaluate("janusSpeaks(true)");
  speakers.push(await viewerSees("green"));
  // none of ours is left, and the client talks on: who comes then hears of no beginning
  for (const one of [room, viewer]) await one.command("hangup");
  await gateway.waitForParticipants("1000", (all) => all.length === 0);
  for (const one of [viewer, room]) {
    await one.command("dial", `sip:1000@${gateway.sip}`);
    const count = one === viewer ? 1 : 2;
    await gateway.waitForParticipants("1000", (all) => all.filter(({ state }) => state === "joined").length === count);
    if (one === viewer) await viewer.command("mute");
  }
  speakers.push(await viewerSees("red"));
  await room.command("mute");
  speakers.push(await viewerSees("green"));
  if (process.env["CROSSPOINT_SHOW"]) process.stderr.write(`${gateway.output()}\n${janus.output()}\n`);
  process.stdout.write(`${JSON.stringify({ clientSees, clientHears, roomSees, roomHears, speakers, faults: browser.faults })}\n`);
} finally {
  for (const close of closing.reverse()) await Promise.resolve(close()).catch(() => undefined);
}
