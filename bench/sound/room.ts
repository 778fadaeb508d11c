/** A room of two: one speaks over the network in question, the other listens on a clean one. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createDecoder, createEncoder } from "../../src/audio/codecs.ts";
import { Resampler } from "../../src/audio/resampler.ts";
import type { SipEndpoint } from "../../src/io/index.ts";
import type { Session } from "../../src/sip/index.ts";
import type { Fate } from "./networks.ts";
import { SPEECH_RATE, type Speech } from "./speech.ts";

const HOST = "127.0.0.1";

/** A codec as callers offer it. */
export interface Codec {
  readonly name: "PCMU" | "G722" | "opus";
  readonly payloadType: number;
  readonly sdp: string;
  readonly clockRate: number;
  readonly rate: 8000 | 16000 | 48000;
}

export const CODECS: Readonly<Record<string, Codec>> = {
  PCMU: { name: "PCMU", payloadType: 0, sdp: "a=rtpmap:0 PCMU/8000\r\n", clockRate: 8000, rate: 8000 },
  G722: { name: "G722", payloadType: 9, sdp: "a=rtpmap:9 G722/8000\r\n", clockRate: 8000, rate: 16000 },
  Opus: {
    name: "opus",
    payloadType: 111,
    sdp: "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n",
    clockRate: 48000,
    rate: 48000,
  },
};

/** What the listener got. */
export interface Heard {
  /** At {@link SPEECH_RATE}; index 0 is the first packet's first sample. */
  readonly pcm: Float64Array;
  /** When a receiver without any buffer would have played that sample: ms since the speech began; undefined where no packet carried it. */
  earAt(index: number): number | undefined;
}

interface Arrival {
  readonly at: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** What the encoder made of the speech: the same bytes for each room and server. */
export async function encode(codec: Codec, speech: Speech): Promise<Uint8Array[]> {
  const options = { fec: true, lossPercent: 5, complexity: 9, bitrate: 32_000 };
  const encoder = createEncoder(codec.name, codec.name === "opus" ? { opus: options } : {});
  if ("ready" in encoder) await encoder.ready;
  const pcm = new Int16Array((speech.pcm.length * codec.rate) / SPEECH_RATE);
  if (codec.rate === SPEECH_RATE) pcm.set(speech.pcm);
  else new Resampler(SPEECH_RATE, codec.rate).process(speech.pcm, pcm);
  const frame = codec.rate / 50;
  const bytes = new Uint8Array(1500);
  const payloads: Uint8Array[] = [];
  for (let at = 0; at + frame <= pcm.length; at += frame)
    payloads.push(bytes.slice(0, encoder.encode(pcm.subarray(at, at + frame), bytes)));
  encoder.close();
  return payloads;
}

/** One of the two calls. */
class Call {
  readonly socket: Socket;
  readonly #codec: Codec;
  readonly #header = Buffer.alloc(12);
  readonly arrivals: Arrival[] = [];
  listening = false;
  session: Session | undefined;
  port = 0;

  constructor(codec: Codec, ssrc: number) {
    this.#codec = codec;
    this.socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20, lookup: (host, _options, done) => done(null, host, 4) });
    this.#header[0] = 0x80;
    this.#header[1] = codec.payloadType;
    this.#header.writeUInt32BE(ssrc, 8);
    this.socket.on("message", (data) => {
      if (!this.listening || (data[1]! & 0x7f) !== codec.payloadType) return;
      this.arrivals.push({ at: performance.now(), timestamp: data.readUInt32BE(4), payload: Uint8Array.from(data.subarray(12)) });
    });
  }

  async open(sip: SipEndpoint, uri: string): Promise<void> {
    const bound = once(this.socket, "listening");
    this.socket.bind(0, HOST);
    await bound;
    const { port } = this.socket.address();
    const body = `v=0\r\no=- 1 1 IN IP4 ${HOST}\r\ns=-\r\nc=IN IP4 ${HOST}\r\nt=0 0\r\nm=audio ${port} RTP/AVP ${this.#codec.payloadType}\r\n${this.#codec.sdp}a=ptime:20\r\n`;
    await new Promise<void>((resolve, reject) => {
      this.session = sip.invite({
        uri,
        from: `sip:bench@${HOST}`,
        body,
        events: {
          onAnswered: (response) => {
            this.port = Number(/m=audio (\d+)/.exec(response.body.toString())?.[1]);
            resolve();
          },
          onEnded: (reason, _now, status) => {
            this.port = 0;
            reject(new Error(`call to ${uri} ${reason} ${status ?? ""}`));
          },
        },
      });
    });
  }

  send(index: number, payload: Uint8Array): void {
    if (this.port === 0) return;
    const packet = Buffer.concat([this.#header, payload]);
    packet.writeUInt16BE(index & 0xffff, 2);
    packet.writeUInt32BE(((index * this.#codec.clockRate) / 50) >>> 0, 4);
    this.socket.send(packet, this.port, HOST);
  }
}

/** Two calls in one conference, what is said in it and how the network treats it. */
export class Room {
  readonly #codec: Codec;
  readonly #speaker: Call;
  readonly #listener: Call;
  readonly #payloads: readonly Uint8Array[];
  readonly #quiet: Uint8Array;
  readonly #fates: readonly Fate[];
  /** Packets on their way: when, and which. */
  readonly #flying: { at: number; index: number }[] = [];
  #began = 0;

  constructor(codec: Codec, payloads: readonly Uint8Array[], quiet: Uint8Array, fates: readonly Fate[], ssrc: number) {
    this.#codec = codec;
    this.#payloads = payloads;
    this.#quiet = quiet;
    this.#fates = fates;
    this.#speaker = new Call(codec, ssrc);
    this.#listener = new Call(codec, ssrc + 1);
  }

  async open(sip: SipEndpoint, uri: string): Promise<void> {
    await this.#speaker.open(sip, uri);
    await this.#listener.open(sip, uri);
  }

  /** The speech begins at `now`. */
  begin(now: number): void {
    this.#began = now;
    this.#listener.listening = true;
  }

  /** The `index`-th 20 ms are over: their packet goes out. */
  tick(index: number): void {
    const fate = this.#fates[index] ?? 0;
    if (fate === 0) this.#speaker.send(index, this.#payloads[index]!);
    else if (fate !== "lost") this.#flying.push({ at: this.#began + (index + 1) * 20 + fate, index });
    this.#listener.send(index, this.#quiet);
  }

  /** Lets those arrive whose time has come. */
  fly(now: number): void {
    for (let i = 0; i < this.#flying.length; ) {
      const { at, index } = this.#flying[i]!;
      if (at > now) i++;
      else {
        this.#flying.splice(i, 1);
        this.#speaker.send(index, this.#payloads[index]!);
      }
    }
  }

  close(now: number): void {
    for (const call of [this.#speaker, this.#listener]) {
      call.listening = false;
      call.session?.end(now);
    }
  }

  closeSockets(): void {
    for (const call of [this.#speaker, this.#listener]) call.socket.close();
  }

  /** What the listener's packets say, each at its own media time: no jitter buffer. */
  async heard(): Promise<Heard> {
    const arrivals = [...this.#listener.arrivals].sort((a, b) => (a.timestamp - b.timestamp) | 0);
    const codec = this.#codec;
    const decoder = createDecoder(codec.name);
    if ("ready" in decoder) await decoder.ready;
    const toSpeech = codec.rate === SPEECH_RATE ? undefined : new Resampler(codec.rate, SPEECH_RATE);
    const first = arrivals[0];
    if (!first) return { pcm: new Float64Array(SPEECH_RATE * 4), earAt: () => undefined };
    const perTick = codec.rate / codec.clockRate;
    const place = (timestamp: number) => (((timestamp - first.timestamp) | 0) * perTick) | 0;
    const sound = new Int16Array(place(arrivals.at(-1)!.timestamp) + codec.rate);
    const out = new Int16Array(5760);
    const spans: { from: number; to: number; at: number }[] = [];
    let end = -1;
    for (const { at, timestamp, payload } of arrivals) {
      const from = place(timestamp);
      if (from < end) continue;
      const n = decoder.decode(payload, out);
      if (n <= 0) continue;
      sound.set(out.subarray(0, n), from);
      end = from + n;
      spans.push({ from, to: end, at: at - this.#began });
    }
    decoder.close();
    let pcm = sound;
    let delay = 0;
    if (toSpeech) {
      pcm = new Int16Array(Math.floor((sound.length * SPEECH_RATE) / codec.rate));
      toSpeech.process(sound.subarray(0, Math.floor((pcm.length * codec.rate) / SPEECH_RATE)), pcm);
      // of our own resampler, which is none of the server's
      delay = Math.round((20 * SPEECH_RATE) / Math.min(SPEECH_RATE, codec.rate));
    }
    const earAt = (index: number): number | undefined => {
      const at = ((index - delay) * codec.rate) / SPEECH_RATE;
      let [low, high] = [0, spans.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (spans[middle]!.to <= at) low = middle + 1;
        else high = middle;
      }
      const span = spans[low];
      return span && at >= span.from ? span.at + ((at - span.from) * 1000) / codec.rate : undefined;
    };
    return { pcm: Float64Array.from(pcm), earAt };
  }
}
