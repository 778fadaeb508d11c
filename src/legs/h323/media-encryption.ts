import type { CallEvent, LineMedia, LineName, LocalMedia, MediaFormat, PayloadCipher, TraversalEvent } from "../../h323/index.ts";
import { payloadTypeOf } from "../../h323/index.ts";
import type { RtpRelay } from "../../io/index.ts";

/** Puts a relay before the media server's address of one line. */
export type OpenRelay = (server: LineMedia) => Promise<RtpRelay>;

const LINES: readonly LineName[] = ["audio", "video", "content", "camera"];

interface Covered {
  readonly relay: RtpRelay;
  readonly server: LineMedia;
  transmit: Direction | undefined;
  receive: Direction | undefined;
}

interface Direction {
  readonly channel: number;
  readonly cipher: PayloadCipher;
  /** The key before: packets that were under way are still under it. */
  readonly former?: PayloadCipher;
  /** Payload type on the media server's side. */
  readonly plain: number | undefined;
}

/**
 * Encryption of a call's media (H.235.6) and their way through firewalls (H.460.19) between the far end and a media server that has neither: a relay a line, which
 * the far end takes for us and the media server for the far end. Made only for calls that need either.
 */
export class Protection {
  readonly #open: OpenRelay;
  readonly #lines = new Map<LineName, Covered>();
  readonly #ciphers = new Map<string, PayloadCipher>();
  readonly #ways = new Map<string, TraversalEvent>();
  #closed = false;

  constructor(open: OpenRelay) {
    this.#open = open;
  }

  /** Addresses to tell the far end instead of the media server's. Rejects when no port is free. */
  async cover(media: LocalMedia): Promise<LocalMedia> {
    const { rtp, rtcp, ...others } = media;
    const servers: Partial<Record<LineName, LineMedia>> = { audio: { rtp, rtcp }, ...others };
    for (const name of LINES) {
      const server = servers[name];
      const known = this.#lines.get(name);
      if (server === undefined || (known !== undefined && same(known.server, server))) continue;
      known?.relay.close();
      const relay = await this.#open(server);
      if (this.#closed) relay.close();
      this.#lines.set(name, { relay, server, transmit: undefined, receive: undefined });
    }
    const outer = (name: LineName): Partial<LocalMedia> => {
      const line = this.#lines.get(name);
      return servers[name] === undefined || line === undefined ? {} : { [name]: line.relay.outer };
    };
    return { ...this.#lines.get("audio")!.relay.outer, ...outer("video"), ...outer("content"), ...outer("camera") };
  }

  /** Takes an event of the call's; what it says of the far end's addresses is the relay's then. */
  seen(event: CallEvent): CallEvent {
    if (event.type === "protected") {
      this.#ciphers.set(`${event.direction} ${event.channel}`, event.cipher);
      return event;
    }
    if (event.type === "rekeyed") {
      for (const [name, line] of this.#lines) {
        const known = line[event.direction];
        if (known?.channel !== event.channel) continue;
        line[event.direction] = { ...known, cipher: event.cipher, former: known.cipher };
        this.#filter(line, name);
      }
      return event;
    }
    if (event.type === "traversal") {
      this.#ways.set(`${event.direction} ${event.channel}`, event);
      return event;
    }
    if (event.type !== "transmit" && event.type !== "receive") return event;
    const line = this.#lines.get(event.line);
    if (line === undefined) return event;
    const key = `${event.type} ${event.channel}`;
    const cipher = this.#ciphers.get(key);
    this.#ciphers.delete(key);
    const way = this.#ways.get(key);
    this.#ways.delete(key);
    line[event.type] = cipher && { channel: event.channel, cipher, plain: plainType(event.format) };
    this.#filter(line, event.line);
    const { inner } = line.relay;
    if (event.type === "receive") {
      if (event.rtcp !== undefined) line.relay.allow(event.rtcp.host);
      if (way?.keepAlive !== undefined) {
        line.relay.allow(way.keepAlive.to.host);
        line.relay.keepAlive({ ...way.keepAlive, rtcp: way.multiplex?.rtcp ?? event.rtcp, multiplexId: way.multiplex?.id });
      }
      return { ...event, rtcp: event.rtcp && inner.rtcp };
    }
    line.relay.allow(event.rtp.host);
    const multiplex = way?.multiplex;
    if (multiplex?.rtp !== undefined) line.relay.allow(multiplex.rtp.host);
    line.relay.far = { rtp: multiplex?.rtp ?? event.rtp, rtcp: multiplex?.rtcp ?? event.rtcp, multiplexId: multiplex?.id };
    return { ...event, rtp: inner.rtp, rtcp: event.rtcp && inner.rtcp };
  }

  /** The cipher's name, once both directions of a line are encrypted. */
  of(name: LineName): string | undefined {
    const line = this.#lines.get(name);
    return line?.transmit === undefined ? undefined : line.receive?.cipher.algorithm.name;
  }

  close(): void {
    this.#closed = true;
    for (const { relay } of this.#lines.values()) relay.close();
  }

  #filter({ relay, transmit, receive }: Covered, name: LineName): void {
    relay.filter = {
      ...(transmit && {
        // Of audio only the channel's own codec: what is encrypted goes by one payload type, and comfort noise would be taken for speech.
        toFar: (packet, kind) =>
          kind === "rtcp" ? packet : name === "audio" && typeOf(packet) !== transmit.plain ? undefined : transmit.cipher.encrypt(packet),
      }),
      ...(receive && {
        fromFar: (packet, kind) => {
          if (kind === "rtcp") return packet;
          const cipher = [receive.cipher, receive.former].find((each) => each?.payloadType === typeOf(packet));
          return cipher?.decrypt(packet, receive.plain ?? receive.cipher.payloadType);
        },
      }),
    };
  }
}

const typeOf = (packet: Uint8Array): number => (packet[1] ?? 0) & 0x7f;

/** Payload type as the far end's description has it. */
function plainType(format: MediaFormat): number | undefined {
  return format.codec === "H264" || format.codec === "H224" ? format.payloadType : (payloadTypeOf(format.codec) ?? format.payloadType);
}

function same(a: LineMedia, b: LineMedia): boolean {
  return a.rtp.host === b.rtp.host && a.rtp.port === b.rtp.port && a.rtcp.port === b.rtcp.port;
}
