import { randomUUID } from "node:crypto";
import type { Millis } from "../../../base/clock.ts";
import { openSipEndpoint, type SipEndpoint } from "../../../io/index.ts";
import type { Refusal } from "../../../negotiation/index.ts";
import { formatWarning } from "../../../negotiation/index.ts";
import type { ServerTransaction, Session } from "../../../sip/index.ts";
import { parseDtmfRelay } from "../../../wire/sip/dtmf-relay.ts";
import { isProven, PROOF_HEADER } from "../../../wire/esl/index.ts";
import { type SipRequest, utf8 } from "../../../wire/sip/index.ts";
import type { Settings } from "../../options.ts";
import { q850Of, sipStatusOf } from "../channel/causes.ts";
import { type Applications, Channel } from "../channel/channel.ts";
import { describeMedia, describeRequest, uriOf } from "../channel/channel-variables.ts";
import type { Core } from "../core.ts";
import type { MediaPool } from "../media/media-pool.ts";
import { MediaNegotiation, type Outcome } from "./negotiate.ts";
import { isTrue } from "../channel/variables.ts";

/** What the profile needs of the server around it. */
export interface ProfileOptions {
  readonly core: Core;
  readonly pool: MediaPool;
  readonly settings: Settings;
  readonly applications: Applications;
  /** How many calls there are now. */
  readonly calls: () => number;
  /** A channel exists; it is not answered yet. */
  readonly onChannel: (channel: Channel) => void;
  /** A channel's media stands: connect its event socket to the address it named. */
  readonly onReady: (channel: Channel, eventSocket: string | undefined) => void;
}

/** One call's SIP side. */
interface Call {
  readonly session: Session;
  readonly channel: Channel;
  readonly negotiation: MediaNegotiation;
  ready: boolean;
  /** An offer of ours waits for its answer in an ACK. */
  offered: boolean;
  /** The event socket has been connected, or is being. */
  connected: boolean;
}

/** The SIP side of the media server: takes calls as FreeSWITCH's profile drachtio_mrf does, early and late offer, answers them at once. */
export class SipProfile {
  readonly #options: ProfileOptions;
  #endpoint: SipEndpoint | undefined;
  #draining = false;
  #contended = 0;

  constructor(options: ProfileOptions) {
    this.#options = options;
  }

  /** Calls to whose media ports somebody else has sent, since start. */
  get contended(): number {
    return this.#contended;
  }

  /** Opens the sockets. Rejects when an address cannot be bound. */
  async open(): Promise<{ port: number; tlsPort: number | undefined }> {
    const { sip } = this.#options.settings;
    this.#endpoint = await openSipEndpoint({
      host: sip.host,
      port: sip.port,
      transports: ["udp", "tcp"],
      contactUser: "mod_sofia",
      product: "Crosspoint media server",
      onInvite: (session, now) => this.#take(session, now),
    });
    let tlsPort: number | undefined;
    if (sip.tls) {
      const { cert, key, port } = sip.tls;
      const secure = await this.#openTls(sip.host, port, cert, key);
      tlsPort = secure.listeners[0]?.port;
    }
    return { port: this.#endpoint.listeners[0]?.port ?? 0, tlsPort };
  }

  #tls: SipEndpoint | undefined;
  async #openTls(host: string, port: number, cert: string, key: string): Promise<SipEndpoint> {
    this.#tls = await openSipEndpoint({
      host,
      // The endpoint puts TLS on the port after the one it is told.
      port: port === 0 ? 0 : port - 1,
      transports: ["tls"],
      contactUser: "mod_sofia",
      product: "Crosspoint media server",
      tls: { cert, key, cas: [], verifyServers: false },
      onInvite: (session, now) => this.#take(session, now),
    });
    return this.#tls;
  }

  /** New calls are refused from now on. */
  drain(): void {
    this.#draining = true;
  }

  async close(): Promise<void> {
    await Promise.all([this.#endpoint?.close(), this.#tls?.close()]);
  }

  #now(): Millis {
    return this.#endpoint?.now() ?? 0;
  }

  #take(session: Session, now: Millis): void {
    this.#invite(session, now).catch((error: unknown) => {
      this.#options.core.log("error", "a call could not be taken", {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      session.end(this.#now());
    });
  }

  async #invite(session: Session, now: Millis): Promise<void> {
    const { core, pool, settings } = this.#options;
    if (!this.#isProven(session)) {
      core.log("warn", "a call that does not know this start's secret was refused", {
        event: "media-server-stranger",
        address: session.source?.address ?? "",
      });
      session.reject(now, 403);
      return;
    }
    if (this.#draining || this.#options.calls() >= settings.maxSessions) {
      session.reject(now, 503, undefined, { headers: { "Retry-After": "5" } });
      return;
    }
    const { invite } = session;
    let cancelled = false;
    session.events.onEnded = () => {
      cancelled = true;
    };
    const uuid = randomUUID();
    const affinity = invite.get("x-crosspoint-affinity");
    let channel: Channel | undefined;
    let opened: ReturnType<MediaPool["openLeg"]>;
    try {
      opened = pool.openLeg(
        {
          dtmf: (digit, ms, source) => channel?.receiveDigit(digit, ms, source),
          timeout: () => {
            core.log("warn", "no media came for too long", { uuid });
            channel?.hangup("MEDIA_TIMEOUT");
          },
          contended: (source) => {
            this.#contended++;
            core.log("warn", "somebody else sends to a call's media ports", { event: "media-contention", uuid, ...source });
          },
          lost: () => channel?.hangup("NORMAL_TEMPORARY_FAILURE"),
        },
        affinity,
      );
    } catch (error) {
      core.log("error", "a call found no media thread", { error: String(error) });
      session.reject(now, 503);
      return;
    }
    const { leg } = opened;
    let ports: { rtpPort: number; rtcpPort: number };
    try {
      ports = await opened.ports;
    } catch (error) {
      core.log("error", "a call found no media ports", { error: error instanceof Error ? error.message : String(error) });
      session.reject(this.#now(), 503);
      return;
    }
    if (cancelled) {
      void leg.close();
      return;
    }
    const negotiation = new MediaNegotiation({ address: settings.advertise, ...ports }, settings.codecs);
    channel = this.#channel(uuid, session, { leg, negotiation });
    const call: Call = { session, channel, negotiation, ready: false, offered: false, connected: false };
    this.#follow(call);
    describeRequest(channel, invite, settings);
    channel.variables.set("local_media_ip", settings.advertise);
    channel.variables.set("local_media_port", ports.rtpPort);
    this.#options.onChannel(channel);
    this.#answer(call, invite);
  }

  /** Whether a call comes from who has started this server: any process of the machine could place one otherwise, and have it call anybody's event socket. */
  #isProven({ invite }: Session): boolean {
    const { secret } = this.#options.settings.sip;
    if (secret === undefined) return true;
    return isProven(secret, {
      proof: invite.get(PROOF_HEADER) ?? "",
      userAgent: invite.get("user-agent") ?? "",
      eventSocket: invite.get("x-esl-outbound") ?? "",
    });
  }

  #channel(uuid: string, session: Session, { leg, negotiation }: { leg: Channel["leg"]; negotiation: MediaNegotiation }): Channel {
    const { core, settings, applications } = this.#options;
    const { invite } = session;
    const from = uriOf(invite.from);
    const user = from?.user ?? "";
    return new Channel(core, {
      uuid,
      name: `sofia/${settings.sip.profile}/${user === "" ? "anonymous" : user}@${from?.host ?? ""}`,
      caller: {
        name: utf8(invite.from?.name ?? "") || user,
        number: user,
        destination: invite.requestUri?.user ?? "",
        networkAddress: session.source?.address ?? "",
        context: settings.sip.profile,
      },
      leg,
      applications,
      signalling: {
        hangup: (cause) => this.#hangup(session, cause),
        offer: () => negotiation.offer(negotiation.secure),
      },
    });
  }

  #hangup(session: Session, cause: string): void {
    const now = this.#now();
    const headers = { Reason: `Q.850;cause=${q850Of(cause)};text="${cause}"` };
    if (session.state === "confirmed") session.end(now, headers);
    else session.reject(now, sipStatusOf(cause), undefined, { headers });
  }

  /** Answers the first INVITE: with an answer to its offer, or with our offer. */
  #answer(call: Call, invite: SipRequest): void {
    const { session, channel, negotiation } = call;
    const now = this.#now();
    const offer = invite.body.length > 0 ? invite.body.toString("utf8") : undefined;
    if (offer === undefined) {
      const body = negotiation.offer(isTrue(invite.get("x-secure-rtp")));
      channel.variables.set("rtp_local_sdp_str", body);
      call.offered = true;
      session.answer(now, { body });
      return;
    }
    const outcome = negotiation.answer(offer);
    if (outcome.kind === "refuse") {
      this.#refuse(call, outcome);
      return;
    }
    this.#apply(call, outcome);
    session.answer(now, { body: negotiation.localSdp, headers: { "X-Channel-UUID": channel.uuid } });
    // Not without being asked: drachtio-fsmrf's connectCaller() misses a connection that is earlier than the ACK.
    if (invite.get("x-crosspoint-event-socket")?.toLowerCase() === "early") this.#connect(call);
  }

  #refuse({ session, channel }: Call, why: Refusal): void {
    const { core, settings } = this.#options;
    core.log("info", "an offer is not acceptable", { uuid: channel.uuid, code: why.code, why: why.text });
    if (session.state === "confirmed") channel.hangup("INCOMPATIBLE_DESTINATION");
    else {
      session.reject(this.#now(), why.status, undefined, { headers: { Warning: formatWarning(why, settings.sip.host) } });
      channel.hangup("INCOMPATIBLE_DESTINATION", true);
    }
  }

  #apply({ channel, negotiation }: Call, outcome: Outcome): void {
    const before = channel.variables.get("rtp_media_direction");
    channel.leg.configure(outcome.config);
    channel.codec = outcome.config.codecs[0];
    channel.secure = outcome.config.srtp !== undefined;
    describeMedia(channel, outcome, negotiation, this.#options.settings);
    const held = outcome.config.direction === "recvonly" || outcome.config.direction === "inactive";
    if (before !== undefined && held !== (before === "recvonly" || before === "inactive")) {
      channel.fire(held ? "CHANNEL_HOLD" : "CHANNEL_UNHOLD");
      if (channel.isUp) channel.setCallState(held ? "HELD" : "ACTIVE");
    }
  }

  #ready(call: Call, settings: Settings): void {
    if (call.ready) return;
    call.ready = true;
    const { channel } = call;
    const { core } = this.#options;
    channel.answeredAt = core.clock.wall();
    channel.state = "CS_EXECUTE";
    channel.fire("CHANNEL_PROGRESS_MEDIA");
    channel.setCallState("ACTIVE");
    channel.fire("CHANNEL_ANSWER");
    core.log("debug", "call answered", { uuid: channel.uuid, codec: channel.codec?.name ?? "", profile: settings.sip.profile });
    this.#connect(call);
  }

  /** Connects the call's event socket, once. */
  #connect(call: Call): void {
    if (call.connected) return;
    call.connected = true;
    const { channel } = call;
    // What the dialplan of the profile sets.
    for (const [name, value] of Object.entries({
      hangup_after_bridge: "false",
      park_after_bridge: "true",
      playback_terminators: "none",
      send_silence_when_idle: "-1",
    })) {
      channel.variables.set(name, value);
    }
    channel.variables.set("current_application", "socket");
    this.#options.onReady(channel, call.session.invite.get("x-esl-outbound"));
  }

  /** What happens in the dialog from now on. */
  #follow(call: Call): void {
    const { session, channel, negotiation } = call;
    session.events = {
      onAck: (ack) => {
        if (!call.offered) {
          this.#ready(call, this.#options.settings);
          return;
        }
        call.offered = false;
        const answer = ack.body.length > 0 ? ack.body.toString("utf8") : "";
        const outcome = negotiation.answered(answer);
        if (outcome.kind === "refuse") this.#refuse(call, outcome);
        else {
          this.#apply(call, outcome);
          this.#ready(call, this.#options.settings);
        }
      },
      onOffer: (transaction, now) => this.#reoffer(call, transaction, now),
      onRequest: (transaction, now) => this.#inDialog(call, transaction, now),
      onEnded: (reason, _now, _status, message) => {
        const fromReason = /Q\.850\s*;\s*cause=(\d+)/i.exec(message?.get("reason") ?? "")?.[1];
        const cause =
          reason === "cancelled"
            ? "ORIGINATOR_CANCEL"
            : reason === "ack-timeout" || reason === "gone"
              ? "RECOVERY_ON_TIMER_EXPIRE"
              : reason === "connection-lost"
                ? "NETWORK_OUT_OF_ORDER"
                : "NORMAL_CLEARING";
        if (fromReason !== undefined) channel.variables.set("sip_bye_reason_q850", fromReason);
        channel.hangup(cause, true);
      },
    };
  }

  #reoffer(call: Call, transaction: ServerTransaction, now: Millis): void {
    const { session, channel, negotiation } = call;
    const { request } = transaction;
    if (request.body.length === 0) {
      call.offered = true;
      const body = negotiation.offer(channel.secure);
      channel.variables.set("rtp_local_sdp_str", body);
      session.answerTo(transaction, 200, now, { body });
      return;
    }
    const outcome = negotiation.answer(request.body.toString("utf8"));
    if (outcome.kind === "refuse") {
      // The call goes on as it was (RFC 3261 section 14.2).
      session.answerTo(transaction, outcome.status, now, { headers: { Warning: formatWarning(outcome, this.#options.settings.sip.host) } });
      return;
    }
    this.#apply(call, outcome);
    session.answerTo(transaction, 200, now, { body: negotiation.localSdp });
  }

  #inDialog(call: Call, transaction: ServerTransaction, now: Millis): void {
    const { request } = transaction;
    if (request.method === "INFO") {
      const digit = infoDigit(request);
      if (digit) call.channel.receiveDigit(digit.key, digit.durationMs, "ENDPOINT");
      transaction.reply(200, now);
    } else if (request.method === "OPTIONS" || request.method === "NOTIFY" || request.method === "MESSAGE") transaction.reply(200, now);
    else transaction.reply(501, now);
  }
}

/** The key in an INFO: application/dtmf-relay (`Signal=5`, `Duration=160`) or application/dtmf. */
export function infoDigit(request: SipRequest): { key: string; durationMs: number } | undefined {
  const type = request.contentType.toLowerCase();
  if (!type.startsWith("application/dtmf")) return undefined;
  const text = request.body.toString("latin1");
  const { signal, durationMs = 250 } = parseDtmfRelay(text);
  const key = (signal ?? text.trim()).toUpperCase();
  const symbol = key === "10" ? "*" : key === "11" ? "#" : key;
  if (!/^[0-9*#A-D]$/.test(symbol)) return undefined;
  return { key: symbol, durationMs: Math.min(10_000, durationMs) };
}
