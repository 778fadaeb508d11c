import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { owned } from "./processes.ts";
import { tonesIn } from "./spectrum.ts";

/**
 * Firefox with one page, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), as far as the tests need it: playwright-core's own way to
 * Firefox asks for commands that Debian's has not yet. Its camera is a colour that changes, its screen (there is none without a display) a yellow canvas.
 */
export interface Firefox {
  readonly version: string;
  /** Errors and warnings of the page's, as the console has them. */
  readonly faults: readonly string[];
  goto(url: string): Promise<void>;
  /** The value of an expression in the page, a promise's too; as JSON has it. */
  evaluate<T>(expression: string): Promise<T>;
  /** Types into what has the focus: text, and KEYS. */
  type(text: string): Promise<void>;
  /** Clicks in the middle of the first element, once it is there and to be seen. */
  click(selector: string): Promise<void>;
  /** Waits until an expression is true. */
  until(expression: string, ms?: number): Promise<void>;
  /** Which of these tones are in two seconds of what the meeting plays. */
  hears(candidates: readonly number[]): Promise<number[]>;
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface FirefoxOptions {
  /** Frequency in hertz its microphone hears; at most 1000. */
  readonly tone?: number;
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** https://w3c.github.io/webdriver/#keyboard-actions */
export const KEYS = { enter: "\uE007", tab: "\uE004", space: " " } as const;

const PREFERENCES: Readonly<Record<string, string | number | boolean>> = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  // a machine without a network has no other address
  "media.peerconnection.ice.loopback": true,
  "media.peerconnection.ice.obfuscate_host_addresses": false,
  "media.autoplay.default": 0,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.enabled": false,
  "app.update.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};

/** Instead of the browser's question for a screen. */
const SCREEN = `if (navigator.mediaDevices) navigator.mediaDevices.getDisplayMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const context = canvas.getContext("2d");
  let at = 0;
  setInterval(() => {
    context.fillStyle = "yellow";
    context.fillRect(0, 0, 640, 360);
    context.fillStyle = "black";
    context.fillRect(at++ % 640, 0, 20, 20);
  }, 100);
  return canvas.captureStream(10);
};`;

/**
 * Two seconds of what the meeting plays, mono at 48 kHz. An AudioContext, which Chromium is listened to with, stands still in Firefox where there is no
 * loudspeaker.
 */
const RECORDING = `(async () => {
  const recorder = new MediaRecorder(document.getElementById("sound").srcObject);
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await new Promise((resolve) => {
    recorder.onstop = resolve;
    recorder.stop();
  });
  const sound = await new OfflineAudioContext(1, 1, 48_000).decodeAudioData(await new Blob(parts).arrayBuffer());
  return new Uint8Array(Int16Array.from(sound.getChannelData(0), (sample) => 32_767 * sample).buffer).toBase64();
})()`;

interface Answer {
  readonly id?: number;
  readonly type: "success" | "error" | "event";
  readonly result?: Record<string, unknown>;
  readonly error?: string;
  readonly message?: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
}

export async function startFirefox(options: FirefoxOptions = {}): Promise<Firefox> {
  const profile = mkdtempSync(join(tmpdir(), "crosspoint-firefox-"));
  const preferences = { ...PREFERENCES, "media.navigator.audio.fake_frequency": options.tone ?? 1000 };
  writeFileSync(
    join(profile, "user.js"),
    Object.entries(preferences)
      .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
      .join(""),
  );
  const args = ["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", profile];
  const child = owned(
    spawn(process.env["FIREFOX"] ?? "firefox-esr", args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: "1" },
    }),
  );
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    return await drive(await listening(child), stop, options);
  } catch (error) {
    await stop();
    throw error;
  }

  function listening({ stderr }: typeof child): Promise<string> {
    return new Promise((resolve, reject) => {
      let printed = "";
      stderr!.on("data", (data: Buffer) => {
        printed += data.toString();
        const url = /WebDriver BiDi listening on (ws:\S+)/.exec(printed)?.[1];
        if (url) resolve(url);
      });
      child.once("exit", () => reject(new Error(`Firefox has ended:\n${printed}`)));
      setTimeout(() => reject(new Error(`Firefox does not listen:\n${printed}`)), 120_000).unref();
    });
  }
}

async function drive(url: string, stop: () => Promise<void>, options: FirefoxOptions): Promise<Firefox> {
  const socket = new WebSocket(`${url}/session`);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  const faults: string[] = [];
  socket.on("message", (data: Buffer) => {
    const answer = JSON.parse(data.toString()) as Answer;
    if (answer.method === "log.entryAdded" && ["error", "warn"].includes(String(answer.params!["level"])))
      faults.push(String(answer.params!["text"]));
    const promise = waiting.get(answer.id!);
    if (answer.type === "success") promise?.resolve(answer.result!);
    else if (answer.type === "error") promise?.reject(new Error(`${answer.error}: ${answer.message}`));
  });
  socket.on("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("Firefox has gone"));
  });
  let last = 0;
  const command = async <T>(method: string, params: Record<string, unknown> = {}): Promise<T> => {
    const id = ++last;
    const promise = Promise.withResolvers<Record<string, unknown>>();
    waiting.set(id, promise);
    socket.send(JSON.stringify({ id, method, params }));
    try {
      return (await promise.promise) as T;
    } finally {
      waiting.delete(id);
    }
  };

  const { capabilities } = await command<{ capabilities: { browserVersion: string } }>("session.new", {
    capabilities: { alwaysMatch: { acceptInsecureCerts: true } },
  });
  // its first tab belongs to the address bar, which has the focus: keys would press no button there
  const { context } = await command<{ context: string }>("browsingContext.create", { type: "tab" });
  await command("session.subscribe", { events: ["log.entryAdded"] });
  await command("browsingContext.setViewport", { context, viewport: options.viewport ?? { width: 1280, height: 800 } });
  const page = `${SCREEN}\n${readFileSync(join(import.meta.dirname, "browser-page.js"), "utf8")}`;
  await command("script.addPreloadScript", { functionDeclaration: `() => {${page}}` });

  const evaluate = async <T>(expression: string): Promise<T> => {
    const { type, result, exceptionDetails } = await command<{
      type: string;
      result?: { value?: string };
      exceptionDetails?: { text: string };
    }>("script.evaluate", {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value))`,
      awaitPromise: true,
      userActivation: true,
      target: { context },
    });
    if (type === "exception") throw new Error(`${expression}: ${exceptionDetails!.text}`);
    return (result?.value === undefined ? undefined : JSON.parse(result.value)) as T;
  };
  const until = async (expression: string, ms = 60_000) => {
    for (const end = Date.now() + ms; ; await delay(100)) {
      if (await evaluate<boolean>(`!!(${expression})`)) return;
      if (Date.now() > end) throw new Error(`not within ${ms} ms: ${expression}`);
    }
  };
  return {
    version: capabilities.browserVersion,
    faults,
    evaluate,
    until,
    goto: (target) => command("browsingContext.navigate", { context, url: target, wait: "complete" }),
    type: (text) =>
      command("input.performActions", {
        context,
        actions: [
          {
            type: "key",
            id: "keyboard",
            actions: [...text].flatMap((value) => [
              { type: "keyDown", value },
              { type: "keyUp", value },
            ]),
          },
        ],
      }),
    async click(selector) {
      const quoted = JSON.stringify(selector);
      await until(`document.querySelector(${quoted})?.checkVisibility()`);
      const { x, y } = await evaluate<{ x: number; y: number }>(`(() => {
        const element = document.querySelector(${quoted});
        element.scrollIntoView({ block: "center", behavior: "instant" });
        const { x, y, width, height } = element.getBoundingClientRect();
        return { x: Math.round(x + width / 2), y: Math.round(y + height / 2) };
      })()`);
      await command("input.performActions", {
        context,
        actions: [
          {
            type: "pointer",
            id: "mouse",
            actions: [
              { type: "pointerMove", x, y },
              { type: "pointerDown", button: 0 },
              { type: "pointerUp", button: 0 },
            ],
          },
        ],
      });
    },
    async hears(candidates) {
      const bytes = Buffer.from(await evaluate<string>(RECORDING), "base64");
      const pcm = Int16Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readInt16LE(2 * index));
      return tonesIn(pcm, 48_000, candidates);
    },
    async screenshot(name) {
      const shots = process.env["SCREENSHOTS"];
      if (!shots) return;
      const { data } = await command<{ data: string }>("browsingContext.captureScreenshot", { context });
      writeFileSync(join(shots, `${name}.png`), Buffer.from(data, "base64"));
    },
    async close() {
      // somebody who closes the page says goodbye
      await command("browsingContext.navigate", { context, url: "about:blank", wait: "complete" }).catch(() => undefined);
      await command("browser.close").catch(() => undefined);
      socket.close();
      await stop();
    },
  };
}
