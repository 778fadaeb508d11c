/** A participant of Janus's own in its audiobridge, by plain RTP: sends silence, keeps what it hears. Its room may be one that it makes as it likes. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createDecoder } from "../../src/audio/codecs.ts";
import { JanusConnection, type JanusHandle } from "../../src/sfu/janus/client.ts";
import { buildRtp, parseRtp } from "../../src/wire/rtp/index.ts";
import { tonesIn } from "./spectrum.ts";

const HOST = "127.0.0.1";

/** A client's connection to Janus. */
export async function connectToJanus(url: string): Promise<JanusConnection> {
  const connection = new JanusConnection({ url, apiSecret: null });
  const up = once(connection, "up");
  connection.start();
  await up;
  return connection;
}

export class JanusListener {
  readonly #heard: Int16Array[] = [];
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  readonly #handle: JanusHandle;

  private constructor(socket: Socket, handle: JanusHandle, port: number) {
    this.#socket = socket;
    this.#handle = handle;
    const decoder = createDecoder("PCMU");
    socket.on("message", (datagram) => {
      const packet = parseRtp(datagram);
      const pcm = new Int16Array(2000);
      const length = packet ? decoder.decode(packet.payload, pcm) : 0;
      if (length > 0) this.#heard.push(pcm.subarray(0, length));
    });
    let sent = 0;
    this.#timer = setInterval(() => {
      const fields = { payloadType: 0, ssrc: 5, timestamp: sent * 160, sequenceNumber: sent++ & 0xffff, marker: false };
      socket.send(buildRtp(fields, new Uint8Array(160).fill(0xff)), port, HOST);
    }, 20);
  }

  static async join(connection: JanusConnection, room: number): Promise<JanusListener> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    const handle = await connection.attach("janus.plugin.audiobridge");
    const rtp = { ip: HOST, port: socket.address().port, payload_type: 0 };
    const joined = await handle.request({ request: "join", room, display: "listener", codec: "pcmu", rtp });
    return new JanusListener(socket, handle, (joined["rtp"] as { port: number }).port);
  }

  /** Which of the tones sounded at any time since the last call, in stretches of 100 ms. */
  heard(candidates: readonly number[]): number[] {
    const pcm = Int16Array.from(this.#heard.splice(0).flatMap((frame) => [...frame]));
    const found = new Set<number>();
    for (let at = 0; at + 800 <= pcm.length; at += 400)
      for (const tone of tonesIn(pcm.subarray(at, at + 800), 8000, candidates)) found.add(tone);
    return [...found].sort((a, b) => a - b);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#handle.detach();
    this.#socket.close();
  }
}
