/** The servers a suite runs against: real ones named by the environment, or two embedded engines. */
import { startSipEngine, type SipEngine } from "../../../src/sip-engine/index.ts";
import type { SuiteServer } from "./suite.ts";

export interface Servers {
  readonly what: string;
  readonly sut: SuiteServer;
  readonly second: SuiteServer;
  stop(): Promise<void>;
}

function named(prefix: string): SuiteServer | undefined {
  const address = process.env[`${prefix}_ADDRESS`];
  if (address === undefined) return undefined;
  const [host = "127.0.0.1", port = "9022"] = address.split(":");
  return {
    host,
    port: Number(port),
    secret: process.env[`${prefix}_SECRET`] ?? "cymru",
    sip: process.env[`${prefix}_SIP`] ?? "127.0.0.1:5060",
  };
}

async function embedded(): Promise<{ engine: SipEngine; server: SuiteServer }> {
  const engine = await startSipEngine(
    { drachtio: { host: "127.0.0.1", port: 0, secret: "cymru" }, listeners: [{ transport: "udp", host: "127.0.0.1", port: 0 }] },
    (line) => {
      if (process.env["VERBOSE"] !== undefined) console.log(line.level, line.what, line.fields);
    },
  );
  const { port } = engine.listeners[0]!;
  return { engine, server: { host: "127.0.0.1", port: engine.drachtioPort, secret: "cymru", sip: `127.0.0.1:${port}` } };
}

export async function openServers(): Promise<Servers> {
  const sut = named("DRACHTIO");
  const second = named("DRACHTIO2");
  if (sut !== undefined && second !== undefined)
    return { what: `drachtio-server at ${sut.host}:${sut.port}`, sut, second, stop: async () => {} };
  const engines = [await embedded(), await embedded()] as const;
  return {
    what: "the embedded SIP engine",
    sut: engines[0].server,
    second: engines[1].server,
    stop: async () => {
      await Promise.all(engines.map(({ engine }) => engine.stop()));
    },
  };
}
