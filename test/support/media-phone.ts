/** A telephone for tests of the media server: SIP, RTP and SRTP on loopback, plays a tone, keeps what it hears. */
import { createSocket, type Socket } from "node:dgram";
import type { AudioEncoder } from "../../src/audio/codec.ts";
import { createEncoder } from "../../src/audio/codecs.ts";
import type { SampleRate } from "../../src/audio/format.ts";
import { systemClock } from "../../src/base/clock.ts";
import { openSipEndpoint, type SipEndpoint, type TlsSettings } from "../../src/io/index.ts";
import { MediaNegotiation } from "../../src/media-server/control/sip/negotiate.ts";
import { RtpLeg } from "../../src/media-server/media/rtp-leg.ts";
import type { Session, SessionEvents } from "../../src/sip/index.ts";
import { cryptoOf, findSuite, generateKeying } from "../../src/srtp/index.ts";
import { formatCrypto } from "../../src/wire/sdp/index.ts";

export interface PhoneOptions {
  readonly sipPort: number;
  /** User part it calls: `conf-NAME`, `tone`. */
  readonly to: string;
  /** The codecs it offers, in this order, one or with commas between them. */
  readonly codec?: string;
  /** The one SRTP suite it offers; none by default. */
  readonly suite?: string;
  /** Hz; 0 is silence. */
  readonly tone?: number;
  readonly headers?: Record<string, string>;
  /** Offers nothing in the INVITE, answers in the ACK. */
  readonly lateOffer?: boolean;
  /** Changes its offers: another address than where it is, say. */
  readonly change?: (sdp: string) => string;
  /** Takes no keys that are offered to it. */
  readonly declineKeys?: boolean;
  /** Calls by TLS, with this certificate, trusting these; UDP where absent. */
  readonly tls?: TlsSettings;
}

const HOST = "127.0.0.1";

/** A call from the first INVITE to its end. */
export class Phone {
  readonly rtp: RtpLeg;
  /** What was heard, at {@link rate}. */
  readonly heard: Int16Array[] = [];
  readonly digits: string[] = [];
  /** Sizes of the datagrams that came: 172 is PCMU of 20 ms in clear, an authentication tag more in SRTP. */
  readonly sizes = new Set<number>();
  ended: string | undefined;
  tone: number;
  /** Said instead of the tone, once. */
  say: Int16Array | undefined;
  /** Sends nothing while true. */
  silent = false;
  readonly #options: PhoneOptions;
  readonly #socket: Socket;
  readonly #negotiation: MediaNegotiation;
  #sip: SipEndpoint | undefined;
  #session: Session | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #encoder: AudioEncoder | undefined;
  #at = 0;
  #keySuite: string | undefined;

  constructor(options: PhoneOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.tone = options.tone ?? 0;
    const { port } = socket.address();
    this.#negotiation = new MediaNegotiation({ address: HOST, rtpPort: port, rtcpPort: port }, (options.codec ?? "PCMU").split(","));
    this.rtp = new RtpLeg(systemClock, { digit: (digit) => this.digits.push(digit), stranger: () => {}, notice: () => {} });
    socket.on("message", (data) => this.sizes.add(data.length));
    socket.on("message", (data, from) => this.rtp.receive(data, from.address, from.port, systemClock.now()));
    this.#keySuite = options.suite;
  }

  /** Places the call; resolves when it is answered. */
  static async call(options: PhoneOptions): Promise<Phone> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    const phone = new Phone(options, socket);
    try {
      await phone.#dial();
    } catch (error) {
      await phone.hangup();
      throw error;
    }
    return phone;
  }

  /** Waits for a call, at {@link sipPort} by UDP, and answers it. */
  static async listen(options: Omit<PhoneOptions, "sipPort" | "to">): Promise<Phone> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, HOST, resolve));
    const phone = new Phone({ ...options, sipPort: 0, to: "" }, socket);
    phone.#sip = await openSipEndpoint({
      host: HOST,
      port: 0,
      transports: ["udp"],
      onInvite: (session, now) => {
        phone.#session = session;
        session.events = phone.#events(() => {});
        session.answer(now, { body: phone.#answer(session.invite.body.toString()) });
        phone.#start();
      },
    });
    return phone;
  }

  /** Where it takes calls. */
  get sipPort(): number {
    return this.#sip!.listeners[0]!.port;
  }

  /** Answers an offer: with its suite where it has one, with none where it declines keys, with the best otherwise. */
  #answer(offer: string): string {
    const { suite, declineKeys } = this.#options;
    const wanted = (line: string) => !declineKeys && (suite === undefined || line.includes(` ${suite} `));
    const lines = offer.split("\r\n").filter((line) => !line.startsWith("a=crypto:") || wanted(line));
    const outcome = this.#negotiation.answer(lines.join("\r\n"));
    if (outcome.kind === "outcome") this.rtp.configure(outcome.config, systemClock.now());
    return this.#negotiation.localSdp;
  }

  /** What happens in the call, whoever made it. */
  #events(over: (error: Error) => void): SessionEvents {
    return {
      onOffer: (transaction, now) =>
        this.#session?.answerTo(transaction, 200, now, { body: this.#answer(transaction.request.body.toString()) }),
      onEnded: (reason, _now, status) => {
        this.ended = reason;
        clearInterval(this.#timer);
        over(new Error(`${reason} ${status ?? ""}`));
      },
    };
  }

  get rate(): SampleRate {
    return this.rtp.rate;
  }
  /** Port it takes media at. */
  get port(): number {
    return this.#socket.address().port;
  }
  /** Where it sends media. */
  get target(): { address: string; port: number } | undefined {
    return this.rtp.target;
  }
  /** The server's last description. */
  get remoteSdp(): string {
    return this.#negotiation.remoteSdp;
  }

  async #dial(): Promise<void> {
    const { sipPort, to, headers, lateOffer, tls } = this.#options;
    this.#sip = await openSipEndpoint({
      host: HOST,
      port: 0,
      transports: [tls ? "tls" : "udp"],
      tls,
      onInvite: (session, now) => session.reject(now, 486),
    });
    await new Promise<void>((resolve, reject) => {
      this.#session = this.#sip!.invite({
        uri: `sip:${to}@${HOST}:${sipPort}${tls ? ";transport=tls" : ""}`,
        from: `sip:phone@${HOST}`,
        ...(lateOffer ? {} : { body: this.#offer() }),
        headers: headers ?? {},
        events: {
          ...this.#events(reject),
          ackBody: (response) => {
            if (!lateOffer) return undefined;
            return this.#answer(response.body.toString());
          },
          onAnswered: (response) => {
            if (!lateOffer) {
              const outcome = this.#negotiation.answered(response.body.toString());
              if (outcome.kind === "refuse") {
                reject(new Error(outcome.text));
                return;
              }
              this.rtp.configure(outcome.config, systemClock.now());
            }
            this.#start();
            resolve();
          },
        },
      });
    });
  }

  #offer(): string {
    const { change = (sdp: string) => sdp } = this.#options;
    const offer = change(this.#negotiation.offer(this.#keySuite !== undefined));
    if (this.#keySuite === undefined) return offer;
    // One suite only: the other lines go.
    return offer
      .split("\r\n")
      .filter((line) => !line.startsWith("a=crypto:") || line.includes(` ${this.#keySuite} `))
      .join("\r\n");
  }

  #start(): void {
    // an offer it cannot answer leaves it silent
    const codec = this.rtp.config?.codecs[0];
    if (!codec) return;
    this.#encoder = createEncoder(codec.name);
    const payload = new Uint8Array(1500);
    const frame = new Int16Array(this.rate / 50);
    const inbound = new Int16Array(this.rate / 50);
    const began = systemClock.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      for (const now = systemClock.now(); sent * 20 < now - began; sent++) {
        if (this.rtp.pull(now, inbound)) this.heard.push(inbound.slice());
        else this.heard.push(new Int16Array(inbound.length));
        if (this.silent || !this.rtp.sends) continue;
        if (this.say) {
          frame.fill(0);
          frame.set(this.say.subarray(0, frame.length));
          this.say = this.say.length > frame.length ? this.say.subarray(frame.length) : undefined;
        } else
          for (let i = 0; i < frame.length; i++)
            frame[i] = this.tone === 0 ? 0 : 8000 * Math.sin((2 * Math.PI * this.tone * this.#at++) / this.rate);
        const packet = this.rtp.digitPacket(now) ?? this.rtp.packet(payload.subarray(0, this.#encoder!.encode(frame, payload)), 20, now);
        const target = this.rtp.target;
        if (packet && packet.length > 12 && target && target.port > 0) this.#socket.send(Buffer.from(packet), target.port, target.address);
      }
    }, 10);
  }

  /** What was heard in the last `ms`. */
  recent(ms: number): Int16Array {
    const frames = this.heard.slice(-Math.ceil(ms / 20));
    const out = new Int16Array(frames.reduce((n, frame) => n + frame.length, 0));
    let at = 0;
    for (const frame of frames) {
      out.set(frame, at);
      at += frame.length;
    }
    return out;
  }

  /** Sends a re-INVITE with `change` applied to the offer; resolves with the status. */
  renegotiate(change: (sdp: string) => string = (sdp) => sdp): Promise<number> {
    return new Promise((resolve) => {
      const body = change(this.#offer());
      this.#session?.reinvite(this.#sip!.now(), { body }, (response) => {
        if (response?.status === 200) {
          const outcome = this.#negotiation.answered(response.body.toString());
          if (outcome.kind === "outcome") this.rtp.configure(outcome.config, systemClock.now());
        }
        resolve(response?.status ?? 0);
      });
    });
  }

  /** A fresh key for the suite, as an attribute line; for offers with a new key. */
  static freshKey(suite: string, tag: number): string {
    return `a=crypto:${formatCrypto(cryptoOf(generateKeying(findSuite(suite)!), { tag }))}`;
  }

  /** Sends raw bytes to the server's media port from `from`, or from a socket of its own. */
  async inject(data: Buffer, own = false): Promise<void> {
    const target = this.rtp.target!;
    const socket = own ? createSocket("udp4") : this.#socket;
    await new Promise<void>((resolve) => socket.send(data, target.port, target.address, () => resolve()));
    if (own) socket.close();
  }

  info(body: string): Promise<number> {
    return new Promise((resolve) => {
      this.#session?.request("INFO", this.#sip!.now(), { body, contentType: "application/dtmf-relay" }, (response) =>
        resolve(response?.status ?? 0),
      );
    });
  }

  async hangup(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#sip) this.#session?.end(this.#sip.now());
    await this.#sip?.close();
    this.rtp.close();
    try {
      this.#socket.close();
    } catch {
      // Closed before.
    }
  }
}
