import type { LineAgreement, RelayLine, RelaySeat, VideoCodec, VideoCodecName, VideoRelay } from "../../video/port.ts";
import type { JanusHandle } from "./client.ts";

/** Payload type under which we send to Janus. */
const SEND_TYPE = 97;
/** Janus numbers a publisher's streams: this SSRC for the first, ten more for each further one. */
const FIRST_SSRC = 1000;
const SSRC_STEP = 10;
const FEEDBACK = { nack: false, pli: true, fir: false, tmmbr: false, remb: false };

/** What the pictures of one meeting need of Janus. */
export interface PictureOptions {
  readonly relay: VideoRelay;
  readonly meetingId: string;
  readonly room: number;
  readonly secret: string;
  readonly adminKey: string | null;
  readonly mediaHost: string | null;
}

/** A publisher of Janus's videoroom as it tells of one. */
export interface JanusPublisher {
  readonly id: number;
  readonly display?: string;
  readonly streams?: readonly {
    readonly type?: string;
    readonly mindex?: number;
    readonly codec?: string;
    readonly description?: string;
  }[];
}

/**
 * A camera or screen of ours in the videoroom: a remote publisher there, to which the relay sends what it forwards of the participant. Key frames that
 * Janus's subscribers ask for come as RTCP.
 */
export class Publication {
  /** What it publishes, as the participant sends it: nothing is transcoded. */
  readonly codec: VideoCodecName;
  readonly #options: PictureOptions;
  readonly #line: RelayLine;
  readonly #seat: RelaySeat;
  #publisher: number | undefined;
  #closed = false;

  private constructor(options: PictureOptions, codec: VideoCodecName, line: RelayLine, seat: RelaySeat) {
    this.#options = options;
    this.codec = codec;
    this.#line = line;
    this.#seat = seat;
  }

  static async open(
    options: PictureOptions,
    participantId: string,
    stream: "camera" | "screen",
    codec: VideoCodecName,
  ): Promise<Publication> {
    const line = await options.relay.open();
    const seat = options.relay.join(options.meetingId, `to-janus-${stream}-${participantId}`);
    seat.arrange([{ line, brings: null, shows: { kind: "participant", participantId, stream } }]);
    return new Publication(options, codec, line, seat);
  }

  /** Publishes, at first and again after Janus was lost. */
  async publish(handle: JanusHandle, display: string): Promise<void> {
    const { room, secret, mediaHost } = this.#options;
    const { address } = this.#line.local;
    const added = await handle.request({
      request: "add_remote_publisher",
      room,
      secret,
      display,
      // without one every address would be bound
      iface: mediaHost ?? address,
      streams: [{ mid: "0", mindex: 0, type: "video", codec: this.codec.toLowerCase(), pt: SEND_TYPE }],
    });
    const { id, ip, port, rtcp_port: rtcpPort } = added as { id?: unknown; ip?: unknown; port?: unknown; rtcp_port?: unknown };
    if (typeof id !== "number" || typeof port !== "number") throw new Error("Janus told no address for a publisher");
    this.#publisher = id;
    if (this.#closed) return this.close(handle);
    this.#line.configure({
      remote: { address: mediaHost ?? String(ip), port, rtcpPort: typeof rtcpPort === "number" ? rtcpPort : port + 1 },
      rtcpMux: false,
      srtp: null,
      codecs: [{ name: this.codec, sendPayloadType: SEND_TYPE, receivePayloadType: SEND_TYPE, packetizationMode: 1 }],
      direction: "sendonly",
      feedback: FEEDBACK,
      maxBitrate: null,
      sendSsrc: FIRST_SSRC,
    });
  }

  close(handle: JanusHandle | undefined): void {
    this.#closed = true;
    const { room, secret } = this.#options;
    if (this.#publisher !== undefined) {
      handle?.request({ request: "remove_remote_publisher", room, secret, publisher_id: this.#publisher }).catch(() => undefined);
    }
    this.#seat.leave();
    void this.#line.close().catch(() => undefined);
  }
}

/** A publisher of Janus's own: what it sends is sent to the relay, too, where it is a member of the meeting like any other. */
export class Subscription {
  readonly #line: RelayLine;
  readonly #seat: RelaySeat;

  private constructor(line: RelayLine, seat: RelaySeat) {
    this.#line = line;
    this.#seat = seat;
  }

  /** Undefined where the publisher has no picture the relay could forward. */
  static async open(options: PictureOptions, handle: JanusHandle, publisher: JanusPublisher): Promise<Subscription | undefined> {
    const { relay, meetingId, room, secret, adminKey } = options;
    const stream = publisher.streams?.find(({ type, codec }) => type === "video" && (codec === "h264" || codec === "vp8"));
    if (!stream) return undefined;
    const line = await relay.open();
    const seat = relay.join(meetingId, memberOf(publisher.id));
    seat.arrange([{ line, brings: "camera", shows: null }]);
    const subscription = new Subscription(line, seat);
    try {
      const { address, port, rtcpPort } = line.local;
      line.configure(receiving(stream.codec === "vp8" ? "VP8" : "H264", FIRST_SSRC + SSRC_STEP * (stream.mindex ?? 0), line, options));
      await handle.request({
        request: "publish_remotely",
        room,
        secret,
        publisher_id: publisher.id,
        remote_id: `crosspoint-${line.id}`,
        host: address,
        port,
        rtcp_port: rtcpPort,
        ...(adminKey === null ? {} : { admin_key: adminKey }),
      });
      return subscription;
    } catch (error) {
      subscription.close();
      throw error;
    }
  }

  close(): void {
    this.#seat.leave();
    void this.#line.close().catch(() => undefined);
  }
}

/** The name under which a publisher of Janus's is a member of the relay's meeting. */
export function memberOf(publisherId: number): string {
  return `janus-${publisherId}`;
}

/** Janus says neither its port nor its payload type before it sends: the line takes each dynamic one of the stream it is for, from wherever Janus is. */
function receiving(name: VideoCodec["name"], receiveSsrc: number, line: RelayLine, { mediaHost }: PictureOptions): LineAgreement {
  const codecs = Array.from(
    { length: 32 },
    (_, at): VideoCodec => ({ name, sendPayloadType: 96 + at, receivePayloadType: 96 + at, packetizationMode: 1 }),
  );
  return {
    remote: { address: mediaHost ?? line.local.address, port: 9, rtcpPort: 9 },
    rtcpMux: false,
    srtp: null,
    codecs,
    direction: "recvonly",
    feedback: FEEDBACK,
    maxBitrate: null,
    receiveSsrc,
  };
}
