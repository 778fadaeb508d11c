import type { Logger } from "pino";
import type { HostCheck } from "../admin/host-check.ts";
import type { AdminServerOptions } from "../admin/server.ts";
import type { ClientAddresses } from "../security/client-address.ts";
import type { JoinTokens } from "../security/join-token.ts";
import type { Defence } from "../security/defence.ts";
import type { VisitHost } from "../web/ports.ts";
import { type Config, isLoopback } from "./config/config.ts";
import type { WebGatewayOptions } from "../gateway/options.ts";

const loopback = "127.0.0.1";

/** Who may join from the page, with `auto` decided; null: there is no page. */
export function webCallers({ web, unknownCallers }: Config): "anyone" | "verified" | null {
  if (web.port === null || web.callers === "off") return null;
  return web.callers === "auto" ? (unknownCallers ? "anyone" : "verified") : web.callers;
}

/** What the gateway needs for browsers, and how to stop it; null where none are taken. The process that ends WebRTC comes up with the first of them. */
export async function prepareWeb(config: Config, log: Logger): Promise<{ options: WebGatewayOptions; stop(): Promise<void> } | null> {
  const callers = webCallers(config);
  if (!callers) return null;
  const { WebRtc } = await import("../webrtc/index.ts");
  const everywhere = config.listen === "0.0.0.0" || config.listen === "::";
  const here = everywhere ? loopback : config.listen;
  const { advertise, ports } = config.media;
  const { servers, policy } = config.web.ice;
  const webrtc = new WebRtc({
    bindAddress: everywhere ? null : config.listen,
    bridgeAddress: here,
    advertise,
    portRange: ports,
    detourPort: config.web.ice.port,
    relayed: policy === "relay" ? "always" : servers.some(({ urls }) => urls.some((url) => /^turns?:/.test(url))) ? "maybe" : "never",
    stun: servers.flatMap(({ urls }) => urls).filter((url) => url.startsWith("stun:")),
    log: (level, message) => log[level]({ event: "webrtc" }, message),
  });
  const own = config.engine.media === "embedded" || isLoopback(config.engine.freeswitch.host);
  return {
    options: {
      webrtc,
      callers: { anyone: callers === "anyone", ice: { servers, policy } },
      reach: (address) => (own && address === advertise ? here : address),
    },
    stop: () => webrtc.stop(),
  };
}

/** What {@link meetingPage} needs: loaded while there is time to. */
export const loadMeetingPage = () =>
  Promise.all([import("../admin/pages.ts"), import("../web/socket-server.ts"), import("../web/pages.ts")]);

/** Puts the meeting page and its WebSocket on the web listener. `close` before the listener closes. */
export async function meetingPage(
  config: Config,
  host: VisitHost,
  tokens: JoinTokens,
  doors: { readonly clients: ClientAddresses; readonly hosts: HostCheck; readonly defence: Defence },
  log: Logger,
): Promise<{ extend: NonNullable<AdminServerOptions["extend"]>; close(): void }> {
  const [{ servePages }, { PageDoor }, { meetingPages }] = await loadMeetingPage();
  const door = new PageDoor({ host, tokens, origins: config.web.origins, ...doors, log });
  return {
    extend: (app) => {
      servePages(app, meetingPages);
      door.attach(app.server);
    },
    close: () => door.close(),
  };
}
