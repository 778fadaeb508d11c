import { createSocket } from "node:dgram";
import { once } from "node:events";
import { ulawDecodeTable } from "../../src/audio/g711.ts";
import type { SipEndpoint } from "../../src/io/sip/endpoint.ts";

/** When a call's stages were reached, in milliseconds from its INVITE. */
export interface CallTimes {
  readonly answered: number;
  /** First sample above -50 dBFS; undefined when none came while the call was held. */
  readonly firstSound: number | undefined;
  readonly packets: number;
}

/** Linear level of -50 dBFS: what a prompt's first consonant passes and idle noise does not. */
const SOUND = 104;

/**
 * Calls `uri` over the endpoint with one PCMU line, sends silence every 20 ms so that media latch, and hangs up `holdMs` after the answer.
 * Rejects with the status when refused.
 */
export async function placeCall(endpoint: SipEndpoint, uri: string, holdMs: number): Promise<CallTimes> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const started = performance.now();
  let firstSound: number | undefined;
  let packets = 0;
  socket.on("message", (packet) => {
    if (packet.length < 13 || (packet[1]! & 0x7f) !== 0) return;
    packets++;
    if (firstSound !== undefined) return;
    for (let index = 12; index < packet.length; index++) {
      if (Math.abs(ulawDecodeTable[packet[index]!]!) > SOUND) {
        firstSound = performance.now() - started;
        return;
      }
    }
  });
  const body = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n`;
  let sender: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      let answered = 0;
      const session = endpoint.invite({
        uri,
        from: "sip:bench@127.0.0.1",
        body,
        events: {
          onAnswered(response) {
            answered = performance.now() - started;
            const remote = /m=audio (\d+)/.exec(response.body.toString("latin1"))?.[1];
            const packet = Buffer.alloc(172, 0xff);
            packet[0] = 0x80;
            packet[1] = 0;
            packet.writeUInt32BE(port, 8);
            let sequence = 0;
            sender = setInterval(() => {
              packet.writeUInt16BE(sequence & 0xffff, 2);
              packet.writeUInt32BE((sequence * 160) >>> 0, 4);
              sequence++;
              socket.send(packet, Number(remote), "127.0.0.1");
            }, 20);
            setTimeout(() => session.end(endpoint.now()), holdMs);
          },
          onEnded(reason, _now, status) {
            if (answered === 0) reject(new Error(`${reason} ${status ?? ""}`));
            else resolve({ answered, firstSound, packets });
          },
        },
      });
    });
  } finally {
    clearInterval(sender);
    socket.close();
  }
}
