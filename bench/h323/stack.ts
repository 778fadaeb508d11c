/** An endpoint of our own for benches: no media, only signalling. */
import { once } from "node:events";
import { type CallStyle, type LocalMedia, RasClient, type RasEvent } from "../../src/h323/index.ts";
import { type H323Endpoint, type H323Session, openH323Endpoint, openRasSocket } from "../../src/io/index.ts";

const identity = (name: string) => ({ aliases: [{ "h323-ID": name }], displayName: name, product: "bench", version: "1" });

export const mediaAt = (host: string, port: number): LocalMedia => ({ rtp: { host, port }, rtcp: { host, port: port + 1 } });

export function openEndpoint(
  host: string,
  port: number,
  style: Partial<CallStyle>,
  onSession: (session: H323Session) => void,
): Promise<H323Endpoint> {
  return openH323Endpoint({
    host,
    port,
    identity: identity("bench"),
    capabilities: {
      audio: [
        { codec: "PCMU", maxPtime: 20 },
        { codec: "PCMA", maxPtime: 20 },
      ],
      telephoneEvent: 101,
      userInput: ["alphanumeric", "signal"],
    },
    style,
    limits: { calls: 100_000, perSource: 100_000, framesPerSecond: 100_000 },
    onSession,
  });
}

/** Answers every call at once. */
export function answering(host: string): (session: H323Session) => void {
  return (session) => {
    session.onEvent = (event) => {
      if (event.type === "incoming")
        session.act((machine, now) => {
          machine.setMedia(mediaAt(host, 20_000), now);
          machine.answer(now);
        });
    };
  };
}

/** Answers every call once a call of ours to `to` is answered: signalling on both sides, as a gatekeeper that routes. */
export function passingOn(endpoint: () => H323Endpoint, host: string, to: { readonly host: string; readonly port: number }) {
  return (session: H323Session): void => {
    let other: H323Session | undefined;
    session.onEvent = (event) => {
      if (event.type === "released") other?.act((machine) => machine.release(event.cause));
      if (event.type !== "incoming") return;
      session.act((machine, now) => machine.setMedia(mediaAt(host, 20_000), now));
      endpoint()
        .call(
          to,
          { aliases: event.call.called },
          {
            prepare: (out) => {
              other = out;
              out.act((machine, now) => machine.setMedia(mediaAt(host, 20_002), now));
              out.onEvent = (told) => {
                if (told.type === "connected") session.act((machine, now) => machine.answer(now));
                else if (told.type === "released") session.act((machine) => machine.release(told.cause));
              };
            },
          },
        )
        .catch(() => session.act((machine) => machine.release(41)));
    };
  };
}

/** Registers `alias` at `gatekeeper`; resolves once it is. */
export async function register(
  gatekeeper: { readonly host: string; readonly port: number },
  alias: string,
  signalling: { readonly host: string; readonly port: number },
): Promise<void> {
  const registered = Promise.withResolvers<void>();
  const ras = await openRasSocket<RasClient, RasEvent>(
    { host: signalling.host, port: 0, onEvent: (event) => event.type === "registered" && registered.resolve() },
    (local) =>
      new RasClient({
        identity: { ...identity(alias), aliases: [{ dialledDigits: alias }] },
        signalling,
        ras: local,
        gatekeeper,
        discover: false,
        timeToLive: 300,
        epoch: 0,
      }),
  );
  ras.act((client, now) => client.start(now));
  await registered.promise;
}

/** Milliseconds of each stage of one call that is hung up `holdMs` after both directions and control stand. Rejects when it fails. */
export async function placeCall(
  endpoint: H323Endpoint,
  peer: { readonly host: string; readonly port: number },
  alias: string,
  holdMs: number | Promise<unknown>,
): Promise<{ connect: number; media: number }> {
  const { host } = endpoint.address;
  const begun = performance.now();
  let connect = 0;
  const up = Promise.withResolvers<number>();
  const over = Promise.withResolvers<void>();
  const missing = new Set(["established", "transmit", "receive"]);
  const session = await endpoint.call(
    peer,
    { aliases: [{ dialledDigits: alias }] },
    {
      prepare: (s) => {
        s.act((machine, now) => machine.setMedia(mediaAt(host, 30_000), now));
        s.onEvent = (event) => {
          if (event.type === "connected") connect = performance.now() - begun;
          missing.delete(event.type);
          if (missing.size === 0 && connect > 0) up.resolve(performance.now() - begun);
          if (event.type !== "released") return;
          up.reject(new Error(`cause ${event.cause}: ${event.reason}`));
          over.resolve();
        };
      },
    },
  );
  const timer = setTimeout(() => session.act((machine) => machine.release(102)), 10_000);
  const media = await up.promise.finally(() => clearTimeout(timer));
  if (holdMs instanceof Promise) await holdMs;
  else if (holdMs > 0) await new Promise((resolve) => setTimeout(resolve, holdMs));
  session.act((machine) => machine.release(16));
  await over.promise;
  return { connect, media };
}

/** Tells the parent that started us, and goes with it. */
export function ready(message: unknown): void {
  process.send?.(message);
  void once(process, "disconnect").then(() => process.exit(0));
}
