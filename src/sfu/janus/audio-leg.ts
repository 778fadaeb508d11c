import { EventEmitter } from "node:events";
import type { MediaPort, MediaSession } from "../../call-media/media-server.ts";
import { capabilityOf } from "../../negotiation/index.ts";
import { parseSdp } from "../../wire/sdp/index.ts";
import type { JanusConnection, JanusHandle, PluginData } from "./client.ts";

/** Where audio is taken, and how. */
interface Address {
  readonly host: string;
  readonly port: number;
  readonly payloadType: number;
  readonly codec: "opus" | "pcmu";
}

interface AudioLegEvents {
  /** An operator of Janus muted or unmuted it. */
  muted: [muted: boolean];
  /** Janus put it out of the room. */
  kicked: [];
  /** Somebody of the room begins or stops to talk, by the display name they have there. */
  talks: [displayName: string, talking: boolean];
}

export interface AudioLegOptions {
  readonly connection: JanusConnection;
  readonly port: MediaPort;
  readonly room: number;
  readonly pin: string | null;
  readonly displayName: string;
  /** Address of Janus's media where what it says of itself cannot be reached; null otherwise. */
  readonly mediaHost: string | null;
}

/**
 * One participant's place in Janus's audiobridge: a plain-RTP participant there, and the session of our media server that speaks with it. When Janus was
 * lost it is joined anew on the same session, so that the caller notices a pause and nothing else.
 */
export class AudioLeg extends EventEmitter<AudioLegEvents> {
  readonly #options: AudioLegOptions;
  #session: MediaSession | undefined;
  #local: Address | undefined;
  #handle: JanusHandle | undefined;
  #id: number | undefined;
  #muted = false;
  #closed = false;
  /** Display names of the others in the room. */
  readonly #names = new Map<unknown, string>();

  constructor(options: AudioLegOptions) {
    super();
    this.#options = options;
  }

  /** Our media server's end; there once `open` has resolved. */
  get session(): MediaSession {
    if (!this.#session) throw new Error("the audio leg is not open");
    return this.#session;
  }

  /** In the audiobridge. Rejects when the media server or Janus will not. */
  async open(muted: boolean): Promise<void> {
    this.#muted = muted;
    const session = await this.#options.port.openWithoutOffer({ secure: false, answer: "soon" });
    this.#session = session;
    try {
      this.#local = localAudio(session.localSdp);
      await session.accept(describe(await this.#join(), 1));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Joins anew after Janus was lost. */
  async restore(version: number): Promise<void> {
    if (!this.#session || this.#closed) return;
    // a try before this one may have come half way
    this.#handle?.detach();
    await this.#session.modify(describe(await this.#join(), version));
  }

  async setMuted(muted: boolean): Promise<void> {
    this.#muted = muted;
    await this.#handle?.request({ request: "configure", muted });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#handle?.detach();
    await this.#session?.close();
  }

  async #join(): Promise<Address> {
    const { connection, room, pin, displayName, mediaHost } = this.#options;
    const { host, port, payloadType, codec } = this.#local!;
    const handle = await connection.attach("janus.plugin.audiobridge");
    this.#handle = handle;
    handle.on("event", (data) => this.#onEvent(data));
    const joined = await handle.request({
      request: "join",
      room,
      display: displayName,
      muted: this.#muted,
      codec,
      rtp: { ip: host, port, payload_type: payloadType },
      ...(pin === null ? {} : { pin }),
    });
    const rtp = joined["rtp"] as { ip?: unknown; port?: unknown } | undefined;
    if (typeof rtp?.port !== "number" || typeof rtp.ip !== "string") throw new Error("Janus told no RTP address");
    this.#id = typeof joined["id"] === "number" ? joined["id"] : undefined;
    this.#names.clear();
    this.#learn(joined);
    if (this.#closed) handle.detach();
    return { host: mediaHost ?? rtp.ip, port: rtp.port, payloadType, codec };
  }

  /** Takes names from a message, and returns those it tells of. */
  #learn({ participants }: PluginData): readonly Occupant[] {
    const told = Array.isArray(participants) ? (participants as Occupant[]) : [];
    for (const { id, display } of told) if (typeof display === "string") this.#names.set(id, display);
    // who talks already when we come does not begin to
    for (const { id, display, talking } of told)
      if (id !== this.#id && display && typeof talking === "boolean") this.emit("talks", display, talking);
    return told;
  }

  #onEvent(data: PluginData): void {
    if (data["audiobridge"] === "destroyed" || data["kicked"] === this.#id) return void this.emit("kicked");
    const what = data["audiobridge"];
    const gone = data["leaving"];
    const name = this.#names.get(what === "talking" || what === "stopped-talking" ? data["id"] : gone);
    if (name !== undefined) this.emit("talks", name, what === "talking");
    if (gone !== undefined) this.#names.delete(gone);
    const own = this.#learn(data).find(({ id }) => id === this.#id);
    if (typeof own?.muted !== "boolean" || own.muted === this.#muted) return;
    this.#muted = own.muted;
    this.emit("muted", own.muted);
  }
}

/** Somebody in the room, as the audiobridge tells of them. */
interface Occupant {
  readonly id?: unknown;
  readonly display?: string;
  readonly muted?: unknown;
  readonly talking?: unknown;
}

/** Where our media server takes audio: Opus where it offers that, else PCMU. */
function localAudio(sdp: string): Address {
  const session = parseSdp(sdp);
  const line = session.media.find(({ kind, port }) => kind === "audio" && port !== 0);
  const host = (line?.connection ?? session.connection)?.address;
  if (!line || host === undefined) throw new Error("the media server offers no audio");
  const opus = line.formats.find((format) => capabilityOf(format)?.codec.toLowerCase() === "opus");
  return { host, port: line.port, payloadType: opus?.payloadType ?? 0, codec: opus ? "opus" : "pcmu" };
}

/** Janus's end as if it had spoken SDP. */
function describe({ host, port, payloadType, codec }: Address, version: number): string {
  const ip = host.includes(":") ? "IP6" : "IP4";
  return [
    "v=0",
    `o=janus 1 ${version} IN ${ip} ${host}`,
    "s=-",
    `c=IN ${ip} ${host}`,
    "t=0 0",
    `m=audio ${port} RTP/AVP ${payloadType}`,
    codec === "opus" ? `a=rtpmap:${payloadType} opus/48000/2` : "a=rtpmap:0 PCMU/8000",
    "a=ptime:20",
    "a=sendrecv",
    "",
  ].join("\r\n");
}
