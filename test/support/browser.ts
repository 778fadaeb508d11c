import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { writeWav } from "../../src/audio/index.ts";
import { tone as sine } from "./spectrum.ts";

/** Colours that survive H.264: luma and both chromas of BT.601. */
const COLOURS = { red: [81, 90, 240], green: [145, 54, 34], blue: [41, 240, 110], yellow: [210, 16, 146] } as const;
export type Colour = keyof typeof COLOURS;

export interface BrowserOptions {
  /** Frequency in hertz its microphone hears; beeps of Chromium's own where absent. */
  readonly tone?: number;
  /** What its camera sees; Chromium's own pattern where absent. */
  readonly colour?: Colour;
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly locale?: string;
  /** No microphone, no camera: the browser refuses them. */
  readonly refused?: boolean;
  /** A video codec that it is to do without, as browsers are built without H.264. */
  readonly without?: "H264" | "VP8";
}

/** A browser of its own with one page: somebody in front of a computer. */
export interface BrowserCaller {
  readonly page: Page;
  /** What went wrong in the page. */
  readonly faults: readonly string[];
  /** Opens the meeting page and joins by mouse. */
  join(url: string, name: string, meeting: string): Promise<void>;
  inMeeting(): Promise<void>;
  /** Which of these tones come out of its loudspeaker. */
  hears(candidates: readonly number[]): Promise<number[]>;
  /** The colour in the middle of a participant's tile; null where there is no picture. */
  sees(tile: string): Promise<Colour | null>;
  /** Kinds of the devices it holds open. */
  devices(): Promise<string[]>;
  /** Figures of its connection: RTCStatsReport as a list. */
  stats(): Promise<Record<string, unknown>[]>;
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

const FLAGS = [
  "--no-sandbox",
  // a machine without a network has no other address
  "--allow-loopback-in-peer-connection",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // a development certificate is good enough for TURN over TLS here
  "--ignore-certificate-errors",
  "--autoplay-policy=no-user-gesture-required",
];

export async function startBrowser(options: BrowserOptions = {}): Promise<BrowserCaller> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-browser-"));
  const devices = ["--use-fake-device-for-media-stream", options.refused ? "--deny-permission-prompts" : "--use-fake-ui-for-media-stream"];
  if (options.tone !== undefined) {
    const file = join(folder, "tone.wav");
    // as many whole periods as make the loop seamless
    writeFileSync(file, writeWav(48_000, sine(options.tone, 48_000, 10_000)));
    devices.push(`--use-file-for-fake-audio-capture=${file}`);
  }
  if (options.colour) {
    const file = join(folder, "colour.y4m");
    writeFileSync(file, video(COLOURS[options.colour]));
    devices.push(`--use-file-for-fake-video-capture=${file}`);
  }
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [...FLAGS, ...devices],
    timeout: 90_000,
  });
  const context: BrowserContext = await browser.newContext({
    viewport: options.viewport ?? { width: 1280, height: 800 },
    locale: options.locale ?? "en-US",
    ignoreHTTPSErrors: true,
  });
  context.setDefaultTimeout(60_000);
  // what the tests look and listen with, in the page itself
  await context.addInitScript({ path: join(import.meta.dirname, "browser-page.js") });
  if (options.without) await context.addInitScript(`tests.without(${JSON.stringify(options.without)})`);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  return {
    page,
    faults,
    async join(url, name, meeting) {
      await page.goto(`${url}/meeting`);
      await page.getByLabel("Your name").fill(name);
      await page.getByLabel("Meeting number").fill(meeting);
      await page.getByRole("button", { name: "Join", exact: true }).click();
    },
    inMeeting: () => page.locator("#meeting-view").waitFor({ state: "visible" }),
    hears: (candidates) => page.evaluate(`tests.hears(${JSON.stringify(candidates)})`),
    sees: (tile) => page.evaluate(`tests.sees(${JSON.stringify(tile)})`),
    devices: () => page.evaluate("tests.devices()"),
    stats: () => page.evaluate("crosspoint.stats().then((report) => [...report.values()])"),
    async screenshot(name) {
      const shots = process.env["SCREENSHOTS"];
      if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
    },
    async close() {
      // somebody who closes the page says goodbye; who wants to vanish does it otherwise
      await page.goto("about:blank").catch(() => undefined);
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Half a second of one colour, 640 by 360, as a raw film. */
function video([y, u, v]: readonly [number, number, number]): Buffer {
  const frame = Buffer.concat([Buffer.from("FRAME\n"), Buffer.alloc(640 * 360, y), Buffer.alloc(320 * 180, u), Buffer.alloc(320 * 180, v)]);
  return Buffer.concat([Buffer.from("YUV4MPEG2 W640 H360 F15:1 Ip A1:1 C420jpeg\n"), ...Array.from({ length: 8 }, () => frame)]);
}
