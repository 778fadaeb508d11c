/** A media server of a test's own and telephones that call it; all of them gone when the test is. */
import { afterAll, afterEach, beforeAll } from "vitest";
import { type MediaServer, type MediaServerOptions, startMediaServer } from "../../src/media-server/index.ts";
import { connectEventSocket, type EventSocket } from "./event-socket.ts";
import { Phone, type PhoneOptions } from "./media-phone.ts";
import { tonesIn } from "./spectrum.ts";

/** The tones that telephones of a test play, Hz. */
export const TONES = [440, 800, 1300] as const;

export interface Telephones {
  readonly server: MediaServer;
  readonly control: EventSocket;
  /** Those of the present test. */
  readonly phones: Phone[];
  call(options: Omit<PhoneOptions, "sipPort">): Promise<Phone>;
}

/** Starts the server before the file's tests; `server` and `control` are there in them. */
export function telephones(minPort: number, maxPort: number, options: Partial<MediaServerOptions> = {}): Telephones {
  let server: MediaServer;
  let control: EventSocket;
  const phones: Phone[] = [];
  beforeAll(async () => {
    server = await startMediaServer({
      esl: { host: "127.0.0.1", port: 0, password: "secret" },
      sip: { host: "127.0.0.1", port: 0 },
      rtp: { host: "127.0.0.1", minPort, maxPort },
      ...options,
    });
    control = await connectEventSocket(server.eslPort, "secret");
    // threads start slowly on a machine that has much else to do
  }, 60_000);
  afterAll(async () => {
    control?.close();
    await server?.stop();
  });
  afterEach(async () => {
    await Promise.all(phones.splice(0).map((phone) => phone.hangup()));
  });
  return {
    get server() {
      return server;
    },
    get control() {
      return control;
    },
    phones,
    async call(options) {
      const phone = await Phone.call({ sipPort: server.sipPort, ...options });
      phones.push(phone);
      return phone;
    },
  };
}

/** Which of {@link TONES} a telephone hears now. */
export const hears = (phone: Phone): number[] => tonesIn(phone.recent(300), phone.rate, [...TONES]);

/** Polls until the condition holds; fails by the test's own limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
