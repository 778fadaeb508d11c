import { randomInt } from "node:crypto";
import { EventEmitter } from "node:events";
import type { Clock } from "../base/clock.ts";
import { MachineDriver } from "../base/machine-driver.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import { type BfcpChannel, openBfcpTcp, openBfcpUdp, type PortRange } from "../io/index.ts";
import { emptyMedia, floorLabels, type MediaPolicy, mediaSources } from "../negotiation/index.ts";
import type { SdpAttribute, SdpMedia, SdpSession } from "../wire/sdp/index.ts";
import type { ContentControl, ContentControlEvents } from "../legs/leg.ts";
import { SCREEN_LABEL } from "./video-streams.ts";
import type { SideLine } from "./media-sections.ts";
import { BfcpServer, type FloorIdentity, type FloorOutput } from "../bfcp/floor-server.ts";

/** Messages a second that are looked at, and how many at once; a room sends a few a minute. */
const MESSAGE_RATE = 50;

export interface BfcpOptions {
  readonly clock: Clock;
  /** Where floor control listens, and the address told to peers. */
  readonly host: string;
  readonly advertise: string;
  readonly ports: PortRange;
}

/** Whether a line is `m=application ... UDP/BFCP *`, or TCP/BFCP: a floor (RFC 8856). */
export function isFloor(session: SdpSession, index: number): boolean {
  const { kind, protocol } = session.media[index]!;
  return kind === "application" && transportOf(protocol) !== null;
}

/** Null for what is not BFCP, or is BFCP over TLS or DTLS, which nobody has been seen to offer without the plain form. */
function transportOf(protocol: string): "udp" | "tcp" | null {
  const match = /^(UDP|TCP)\/BFCP$/i.exec(protocol);
  return match ? (match[1]!.toLowerCase() as "udp" | "tcp") : null;
}

const attributesOf = ({ attributes }: SdpMedia, name: string): string[] =>
  attributes.filter((attribute) => attribute.name === name).map(({ value }) => value ?? "");

/** The floor of a call's screen, of which we are the server (RFC 8855, RFC 8856): the machine, its channel, its line, as content control. */
export class BfcpLine extends EventEmitter<ContentControlEvents> implements SideLine, ContentControl {
  readonly #options: BfcpOptions;
  readonly #identity: FloorIdentity = { conferenceId: randomInt(1, 2 ** 31), userId: randomInt(1, 2 ** 16), floorId: 1 };
  readonly #allowance = new TokenBucket(MESSAGE_RATE, MESSAGE_RATE);
  #server: MachineDriver<FloorOutput, BfcpServer> | undefined;
  #channel: BfcpChannel | undefined;
  #protocol = "";
  #others = false;
  /** Says where the far end is, once that has acknowledged the call. */
  #held: (() => void) | undefined;
  #closed = false;

  constructor(options: BfcpOptions) {
    super();
    this.#options = options;
  }

  /** Whether the far end speaks it. */
  get up(): boolean {
    return this.#channel !== undefined;
  }

  async answer(offer: SdpSession, index: number, context: MediaPolicy): Promise<SdpMedia | null> {
    const media = offer.media[index]!;
    const transport = transportOf(media.protocol);
    const control = attributesOf(media, "floorctrl")[0];
    // the far end insists on being the server, which the meeting is
    if (transport === null || (control !== undefined && !/\bc-only\b|\bc-s\b/.test(control))) return null;
    const active = media.setup === "passive";
    await this.#open(transport, media.protocol, active);
    this.#reach(offer, media, context);
    const screen = offer.media.find(({ kind, content }) => kind === "video" && content === "slides")?.label;
    return this.#line("s-only", {
      label: floorLabels(media)[0] ?? screen ?? SCREEN_LABEL,
      ...(transport === "tcp" && { setup: active ? "active" : "passive" }),
      ...(media.mid !== undefined && { mid: media.mid }),
    });
  }

  async offer(): Promise<SdpMedia | null> {
    if (!this.#channel) await this.#open("udp", "UDP/BFCP", false);
    return this.#line("s-only", { label: SCREEN_LABEL });
  }

  answered(_ours: SdpMedia, answer: SdpSession, index: number, context: MediaPolicy): void {
    this.#reach(answer, answer.media[index]!, context);
  }

  acknowledged(): void {
    this.#held?.();
    this.#held = undefined;
  }

  dropped(): void {
    if (this.#channel) this.emit("release");
    this.#shut();
  }

  close(): void {
    this.#closed = true;
    this.#shut();
  }

  grant(): void {
    this.#act((server, now) => server.grant(now));
  }

  deny(): void {
    this.#act((server, now) => server.deny(now));
  }

  revoke(): void {
    this.#act((server, now) => server.revoke(now));
  }

  announce(presenting: boolean): void {
    this.#others = presenting;
    this.#act((server, now) => server.announce(presenting, now));
  }

  #line(control: string, { label, setup, mid }: { readonly label: string; readonly setup?: string; readonly mid?: string }): SdpMedia {
    const { conferenceId, userId, floorId } = this.#identity;
    const { advertise } = this.#options;
    const attribute = (name: string, value: string | number): SdpAttribute => ({ name, value: String(value) });
    return {
      ...emptyMedia("application", this.#protocol, []),
      formatTokens: ["*"],
      port: this.#channel!.port,
      connection: { ipVersion: advertise.includes(":") ? 6 : 4, address: advertise },
      attributes: [
        attribute("floorctrl", control),
        attribute("confid", conferenceId),
        attribute("userid", userId),
        attribute("floorid", `${floorId} mstrm:${label}`),
        ...(setup === undefined ? [] : [attribute("connection", "new")]),
      ],
      ...(setup !== undefined && { setup }),
      ...(mid !== undefined && { mid }),
    };
  }

  #reach(session: SdpSession, media: SdpMedia, context: MediaPolicy): void {
    const address = (media.connection ?? session.connection)?.address;
    const sources = mediaSources(context);
    if (!address) return;
    const reach = () => this.#channel?.reach(address, media.port, sources === "any" ? null : sources === "signalled" ? [] : sources);
    // neither a message nor a connection goes to an address that has not acknowledged the call
    this.#held = context.held === true ? reach : undefined;
    if (context.held !== true) reach();
  }

  async #open(transport: "udp" | "tcp", protocol: string, active: boolean): Promise<void> {
    if (this.#channel && this.#protocol === protocol) return;
    this.#shut();
    const { host, ports } = this.#options;
    const server = new BfcpServer(this.#identity, transport === "tcp");
    const options = {
      host,
      range: ports,
      ours: ({ conferenceId, userId }: { conferenceId: number; userId: number }) =>
        conferenceId === this.#identity.conferenceId && userId === this.#identity.userId,
      onMessage: (message: Parameters<BfcpServer["received"]>[0]) => {
        if (this.#allowance.take(this.#options.clock.now())) this.#act((machine) => machine.received(message));
      },
      onLost: () => this.#act((machine) => machine.lost()),
    };
    const channel = await (transport === "udp" ? openBfcpUdp(options) : openBfcpTcp({ ...options, active }));
    if (this.#closed) return channel.close();
    const perform = (output: FloorOutput) => {
      if (output.type === "send") {
        if (this.#channel === channel) channel.send(output.message);
      } else if (output.type !== "lost") this.emit(output.type);
    };
    this.#server = new MachineDriver({ machine: server, clock: this.#options.clock, perform, unref: true });
    this.#channel = channel;
    this.#protocol = protocol;
    server.announce(this.#others, this.#options.clock.now());
  }

  #act(action: (server: BfcpServer, now: number) => void): void {
    if (!this.#closed) this.#server?.act(action);
  }

  #shut(): void {
    this.#server?.close();
    this.#held = undefined;
    this.#channel?.close();
    this.#channel = undefined;
    this.#server = undefined;
  }
}
