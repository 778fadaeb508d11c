import type { Logger } from "pino";
import type { Srf } from "../legs/sip/drachtio.ts";
import { FsmrfPort } from "../media-client/media-client.ts";
import { rehearse } from "../media-client/warm-up.ts";
import type { CallTraces } from "../trace/index.ts";
import type { Call } from "./call/call.ts";
import type { GatewayMetrics, MediaServerAddress } from "./options.ts";
import type { Settings } from "./settings.ts";

/** The media server at an address, not yet connected. */
export function mediaServerAt(address: MediaServerAddress, srf: Srf, log: Logger, traces: CallTraces): FsmrfPort {
  const { host, port, secret, listenAddress = "127.0.0.1", advertisedAddress, advertisedPort, profile, callSecret } = address;
  return new FsmrfPort(
    srf,
    {
      address: host,
      port,
      secret,
      listenAddress,
      ...(advertisedAddress === undefined ? {} : { advertisedAddress }),
      ...(advertisedPort === undefined ? {} : { advertisedPort }),
      ...(profile === undefined ? {} : { profile }),
      ...(callSecret === undefined ? {} : { callSecret }),
    },
    (level, event, fields) => log[level]({ event, ...fields }, "media server"),
    traces,
  );
}

/** Whose connection is watched, and what hears of it. */
export interface MediaConnectionParts {
  readonly media: FsmrfPort;
  readonly address: MediaServerAddress;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly calls: ReadonlyMap<string, Call>;
}

/** Says in log and metrics when the media server comes and goes. */
export function watchMediaServer({ media, address, log, metrics, calls }: MediaConnectionParts): void {
  media.on("connected", () => {
    metrics.engine("media", true);
    log.info({ event: "media-server-connected", address: `${address.host}:${address.port}` }, "the media server is connected");
  });
  media.on("lost", (reason) => {
    metrics.engine("media", false);
    log.error(
      { event: "media-server-lost", reason, calls: calls.size },
      "the media server is lost: its calls are ended, new ones refused until it is back",
    );
  });
}

/** Opens and closes sessions while there are no calls, so that the first callers meet compiled code. */
export function warmUp(
  media: FsmrfPort,
  { settings, calls, log }: { settings: Settings } & Pick<MediaConnectionParts, "calls" | "log">,
): void {
  rehearse(media, () => media.connected && calls.size === 0 && !settings.draining).then(
    ({ sessions, lastMs }) =>
      log.debug({ event: "rehearsed", sessions, lastMs: Math.round(lastMs) }, "the way of a call has been rehearsed"),
    (error: unknown) => log.warn({ event: "rehearsal-failed", error: String(error) }, "the media server opens no session"),
  );
}
