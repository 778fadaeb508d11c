/** What drachtio-fsmrf's tests talk to: servers named by the environment, or embedded engines. */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { startMediaServer } from "../../../src/media-server/index.ts";
import { startSipEngine } from "../../../src/sip-engine/index.ts";
import { portsOf } from "../../support/ports.ts";
import { selfSigned } from "./certificate.ts";

const HOST = "127.0.0.1";
const PORT = portsOf("drachtio-fsmrf-suite");

/** A server's address as the tests' configuration wants it. */
export interface Named {
  readonly address: string;
  readonly port: number;
  readonly secret: string;
}
export interface SuiteServers {
  readonly what: string;
  /** drachtio servers: of the caller, and of the application under test with where it takes calls. */
  readonly callerSip: Named;
  readonly sutSip: Named & { readonly uri: string };
  /** Media servers: of the caller, of the application, and one with another profile's name. */
  readonly callerMedia: Named;
  readonly sutMedia: Named;
  readonly customMedia: Named & { readonly profile: string };
  /** A real FreeSWITCH, with its quirk of late offers. */
  readonly stockFreeswitch: boolean;
  stop(): Promise<void>;
}

/** Folder of the sounds that the package's tests play. */
export const sounds = join(dirname(createRequire(import.meta.url).resolve("drachtio-fsmrf/package.json")), "test/sounds/en/us/callie");

/** `host:port` of a variable of the environment. */
function fromEnvironment(prefix: string, defaultPort: number, defaultSecret: string, secretName: string): Named | undefined {
  const value = process.env[`${prefix}_ADDRESS`];
  if (value === undefined) return undefined;
  const [address = HOST, port] = value.split(":");
  return { address, port: Number(port ?? defaultPort), secret: process.env[`${prefix}_${secretName}`] ?? defaultSecret };
}

/**
 * FREESWITCH_ADDRESS (host:port of the event socket) with FREESWITCH_PASSWORD, and DRACHTIO_ADDRESS with DRACHTIO_SECRET, DRACHTIO_SIP (where it takes calls) and
 * SECOND_DRACHTIO_ADDRESS, SECOND_DRACHTIO_SECRET name real servers; what is not named is embedded. One FreeSWITCH stands for all three.
 */
export async function openServers(): Promise<SuiteServers> {
  const closers: (() => Promise<void> | void)[] = [];
  const freeswitch = fromEnvironment("FREESWITCH", 8021, "ClueCon", "PASSWORD");
  const drachtio = fromEnvironment("DRACHTIO", 9022, "cymru", "SECRET");
  const second = fromEnvironment("SECOND_DRACHTIO", 9023, "cymru", "SECRET");
  try {
    const sip =
      drachtio && second
        ? { caller: second, sut: { ...drachtio, uri: `sip:${process.env["DRACHTIO_SIP"] ?? `${HOST}:5060`}` } }
        : await embeddedSip(closers);
    const custom = "custom_drachtio_mrf";
    const media = freeswitch
      ? { caller: freeswitch, sut: freeswitch, custom: { ...freeswitch, profile: custom } }
      : {
          caller: await embeddedMedia(closers, PORT),
          sut: await embeddedMedia(closers, PORT + 100),
          custom: { ...(await embeddedMedia(closers, PORT + 200, custom)), profile: custom },
        };
    return {
      what: `${drachtio && second ? "drachtio-server" : "the embedded SIP engine"} and ${freeswitch ? "FreeSWITCH" : "the embedded media server"}`,
      callerSip: sip.caller,
      sutSip: sip.sut,
      callerMedia: media.caller,
      sutMedia: media.sut,
      customMedia: media.custom,
      stockFreeswitch: freeswitch !== undefined,
      stop: () => closeAll(closers),
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function closeAll(closers: (() => Promise<void> | void)[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function embeddedSip(closers: (() => Promise<void> | void)[]): Promise<{ caller: Named; sut: Named & { uri: string } }> {
  const open = async () => {
    const engine = await startSipEngine({
      drachtio: { host: HOST, port: 0, secret: "cymru" },
      listeners: [{ transport: "udp", host: HOST, port: 0 }],
    });
    closers.push(() => engine.stop());
    return { address: HOST, port: engine.drachtioPort, secret: "cymru", uri: `sip:${HOST}:${engine.listeners[0]?.port}` };
  };
  return { caller: await open(), sut: await open() };
}

async function embeddedMedia(closers: (() => Promise<void> | void)[], rtpPort: number, profile?: string): Promise<Named> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-fsmrf-"));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startMediaServer({
    esl: { host: HOST, port: 0, password: "ClueCon" },
    // Its mediaserver tests ask for a profile that has TLS.
    sip: { host: HOST, port: 0, ...(profile === undefined ? {} : { profile, tls: { port: 0, ...selfSigned() } }) },
    rtp: { host: HOST, minPort: rtpPort, maxPort: rtpPort + 99 },
    sounds,
    recordings: folder,
    log: ({ level, message, fields }) => {
      if (process.env["VERBOSE"] !== undefined) console.log(level, message, fields);
    },
  });
  closers.push(() => server.stop());
  return { address: HOST, port: server.eslPort, secret: "ClueCon" };
}
