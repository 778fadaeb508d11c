import type { Socket } from "node:dgram";
import { buildRtp, parseRtp } from "../../src/wire/rtp/index.ts";

/** A scripted room's remote control for cameras: H.224 frames by RTP (RFC 4573). */
export class RoomRemote {
  /** Our port at the gateway. */
  target = 0;
  /** Frames that came, in hexadecimal. */
  readonly frames: string[] = [];
  readonly #socket: Socket;
  #sequence = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (datagram) => {
      const packet = parseRtp(datagram);
      if (packet?.payloadType === 100) this.frames.push(Buffer.from(packet.payload).toString("hex"));
    });
  }

  offer(): string[] {
    return [`m=application ${this.#socket.address().port} RTP/AVP 100`, "a=rtpmap:100 H224/4800", "a=sendrecv"];
  }

  send(hex: string): void {
    const fields = { payloadType: 100, ssrc: 9, timestamp: 1, sequenceNumber: ++this.#sequence, marker: true };
    this.#socket.send(buildRtp(fields, Buffer.from(hex, "hex")), this.target, "127.0.0.1");
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // closed before
    }
  }
}
