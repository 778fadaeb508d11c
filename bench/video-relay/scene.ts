import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { LineAgreement, RelayLine, SeatLine, VideoRelay } from "../../src/video/index.ts";
import { parseRtcp } from "../../src/wire/rtcp/index.ts";
import { buildRtp, isRtcp } from "../../src/wire/rtp/index.ts";
import { PACKET_BYTES } from "./cost.ts";

const SPS = Buffer.from("6742c01fda014016ec0440000003004000000f03c60ca8", "hex");
const PPS = Buffer.from("68ce3c80", "hex");
const FRAME_MS = 1000 / 30;
/** Packets of a key frame. */
const KEY_FRAME_PACKETS = 20;

/** A room on plain RTP: sends 30 pictures a second, a key frame when asked for one, and sees what comes. */
export class Room {
  readonly id: string;
  readonly socket: Socket = createSocket({
    type: "udp4",
    recvBufferSize: 4 << 20,
    lookup: (_, __, callback) => callback(null, "127.0.0.1", 4),
  });
  line!: RelayLine;
  /** RTP packets that came. */
  received = 0;
  sent = 0;
  onPacket: ((packet: Buffer) => void) | undefined;
  #keyFrame = true;
  #sequence = 0;
  #timestamp = 0;
  readonly #number: number;
  readonly #packets: number;
  readonly #payload = Buffer.alloc(PACKET_BYTES - 12, 0x55);

  /** `packets` a picture. */
  constructor(number: number, packets: number) {
    this.id = `room${number}`;
    this.#number = number;
    this.#packets = packets;
    this.socket.on("message", (packet) => {
      if (!isRtcp(packet)) {
        this.received++;
        this.onPacket?.(packet);
      } else if (parseRtcp(packet)?.some(({ kind }) => kind === "pli")) this.#keyFrame = true;
    });
  }

  async join(relay: VideoRelay, meeting: string, shows: SeatLine["shows"]): Promise<void> {
    const listening = once(this.socket, "listening");
    this.socket.bind(0, "127.0.0.1");
    await listening;
    const { port } = this.socket.address();
    this.line = await relay.open();
    const terms: LineAgreement = {
      remote: { address: "127.0.0.1", port, rtcpPort: port },
      rtcpMux: true,
      srtp: null,
      codecs: [{ name: "H264", sendPayloadType: 96, receivePayloadType: 96, packetizationMode: 1 }],
      direction: "sendrecv",
      feedback: { nack: false, pli: true, fir: false, tmmbr: false, remb: false },
      maxBitrate: null,
      receiveBitrate: 20_000_000,
    };
    this.line.configure(terms);
    await relay.join(meeting, this.id).arrange([{ line: this.line, brings: "camera", shows }]);
  }

  /** One picture; its packets say whose it is and where in it they stand. */
  picture(): void {
    const key = this.#keyFrame;
    this.#keyFrame = false;
    this.#timestamp += 3000;
    if (key) {
      this.#send(SPS, false);
      this.#send(PPS, false);
    }
    const packets = key ? KEY_FRAME_PACKETS : this.#packets;
    for (let i = 0; i < packets; i++) {
      this.#payload[0] = key ? 0x7c : 0x5c;
      this.#payload[1] = (i === 0 ? 0x80 : 0) | (i === packets - 1 ? 0x40 : 0) | (key ? 5 : 1);
      this.#payload[2] = 0x88;
      this.#payload.writeUInt32BE(this.#number, 3);
      this.#send(this.#payload, i === packets - 1);
    }
  }

  #send(payload: Buffer, marker: boolean): void {
    this.sent++;
    const fields = {
      payloadType: 96,
      ssrc: 1000 + this.#number,
      timestamp: this.#timestamp,
      sequenceNumber: this.#sequence++ & 0xffff,
      marker,
    };
    this.socket.send(buildRtp(fields, payload), this.line.local.port, "127.0.0.1");
  }
}

/** Lets rooms send, spread over the frame's time, for so long. */
export async function play(rooms: readonly Room[], ms: number): Promise<void> {
  const start = performance.now();
  const next = rooms.map((_, i) => start + (FRAME_MS * i) / rooms.length);
  while (performance.now() - start < ms) {
    const now = performance.now();
    for (const [i, room] of rooms.entries()) {
      if (next[i]! > now) continue;
      next[i]! += FRAME_MS;
      room.picture();
    }
    await sleep(2);
  }
}
