import { randomBytes } from "node:crypto";
import nodeDataChannel, { type Audio, type PeerConnection, type Video } from "node-datachannel";
import { advertised, detours, readCandidate } from "./candidates.ts";
import { OutgoingStream } from "./stream-rewriter.ts";
import { type Detour, transportAddress } from "./ice-tcp.ts";
import type { Line } from "./line.ts";
import type { ConnectionState, LineCodec, MediaPath, OfferedLine, ProcessSettings } from "./messages.ts";
import { SEND_TIME_EXTENSION, takesSendTime } from "./send-time.ts";

/** A browser that says more TURN servers' addresses than this has its further ones counted as no server's. */
const MAX_RELAYED = 16;

export interface ConnectionEvents {
  offer(sdp: string): void;
  candidate(candidate: string, mid: string): void;
  state(state: ConnectionState): void;
}

/** One WebRTC connection to a browser. We offer; each line is a media section of ours, named by its `mid`. */
export class Connection {
  readonly #peer: PeerConnection;
  readonly #lines: Line[] = [];
  /** Those of them that may tell the time of sending. */
  readonly #pictures: Line[] = [];
  readonly #settings: ProcessSettings;
  readonly #detour: Detour | null;
  /** By the detour only: the library's own port is not told. */
  readonly #around: boolean;
  /** ICE's user fragment and password, once they are known. */
  #ice: { readonly fragment: string; readonly password: string } | undefined;
  /** Addresses and ports that TURN servers have given the browser, by what it says: no more than {@link MAX_RELAYED}. */
  readonly #relayed = new Set<string>();
  #closed = false;

  constructor(
    name: string,
    offered: readonly OfferedLine[],
    lines: ReadonlyMap<string, Line>,
    settings: ProcessSettings,
    detour: Detour | null,
    around: boolean,
    events: ConnectionEvents,
  ) {
    this.#settings = settings;
    this.#detour = detour;
    this.#around = around && detour !== null;
    this.#peer = new nodeDataChannel.PeerConnection(name, {
      iceServers: [...settings.stun],
      ...(settings.bindAddress === null ? {} : { bindAddress: settings.bindAddress }),
      portRangeBegin: settings.portRange.min,
      portRangeEnd: settings.portRange.max,
      disableAutoNegotiation: true,
      forceMediaTransport: true,
    });
    const unlessClosed =
      <A extends unknown[]>(tell: (...values: A) => void) =>
      (...values: A): void => {
        if (!this.#closed) tell(...values);
      };
    this.#peer.onLocalDescription(
      unlessClosed((sdp) => {
        const [fragment, password] = ["ufrag", "pwd"].map((what) => attributeOf(sdp, `ice-${what}`));
        if (fragment !== undefined && password !== undefined) this.#ice = { fragment, password };
        events.offer(sdp);
      }),
    );
    this.#peer.onLocalCandidate(
      unlessClosed((text, mid) => {
        const candidate = text.replace(/^a=/, "");
        const ways = this.#roundabout(candidate);
        for (const one of this.#around ? ways : [candidate, ...ways]) {
          events.candidate(one, mid);
          const outside = advertised(one, settings.advertise);
          if (outside !== null) events.candidate(outside, mid);
        }
      }),
    );
    this.#peer.onStateChange(unlessClosed((state) => events.state(state as ConnectionState)));
    for (const one of offered) this.#add(one, lines.get(one.mid)!);
    this.#peer.setLocalDescription("offer");
  }

  #add(offered: OfferedLine, line: Line): void {
    const ssrc = randomSsrc();
    const media = offered.kind === "audio" ? this.#audio(offered) : this.#video(offered);
    const stream = new OutgoingStream(ssrc, offered.codecs[0]?.clockRate ?? 90_000);
    media.addSSRC(ssrc, "crosspoint", offered.mid, `${offered.mid}-track`);
    const repeated = offered.codecs.filter(isRepetition).map(({ payloadType }) => payloadType);
    if (repeated.length > 0) {
      const again = randomSsrc();
      media.addSSRC(again, "crosspoint", offered.mid, `${offered.mid}-track`);
      // RFC 5576 section 4.2
      media.parseSdpLine(`a=ssrc-group:FID ${ssrc} ${again}`);
      stream.repeatAs(again, repeated);
    }
    if (offered.kind === "video") {
      media.parseSdpLine(`a=extmap:${SEND_TIME_EXTENSION}`);
      this.#pictures.push(line);
    }
    line.attach(this.#peer.addTrack(media), stream);
    this.#lines.push(line);
  }

  #audio({ mid, direction, codecs }: OfferedLine): Audio {
    const media = new nodeDataChannel.Audio(mid, direction);
    for (const { payloadType, name, clockRate, channels, fmtp } of codecs)
      media.addAudioCodec(
        payloadType,
        `${name}/${clockRate}${channels !== undefined && channels > 1 ? `/${channels}` : ""}`,
        ...only(fmtp),
      );
    return media;
  }

  /** The library offers `nack`, `nack pli` and `goog-remb` of every codec by itself. */
  #video({ mid, direction, codecs }: OfferedLine): Video {
    const media = new nodeDataChannel.Video(mid, direction);
    for (const codec of codecs) {
      const { payloadType, name, clockRate, fmtp, feedback = [] } = codec;
      if (isRepetition(codec)) {
        media.addRTXCodec(payloadType, Number(fmtp?.replace("apt=", "")), clockRate);
        continue;
      }
      media.addVideoCodec(payloadType, name, ...only(fmtp));
      if (feedback.includes("ccm fir")) media.parseSdpLine(`a=rtcp-fb:${payloadType} ccm fir`);
    }
    return media;
  }

  /** The ways round the library's socket that a candidate of its stands for. */
  #roundabout(text: string): string[] {
    const candidate = readCandidate(text);
    if (!this.#detour || !this.#ice || candidate?.type !== "host") return [];
    // bound to every address, it is reached by the loopback one
    const address = this.#settings.bindAddress ?? "127.0.0.1";
    this.#detour.add({ ...this.#ice, address, port: candidate.port });
    return detours(candidate, this.#detour.port, this.#around);
  }

  /** How the browser's packets come; undefined before they do. */
  get path(): MediaPath | undefined {
    const remote = this.#closed ? undefined : this.#peer.getSelectedCandidatePair()?.remote;
    if (!remote) return undefined;
    const way = (this.#ice && this.#detour?.wayOf(this.#ice.fragment, remote.port)) ?? { tcp: false, from: transportAddress(remote) };
    if (way.tcp) return "tcp";
    return remote.type === "relay" || this.#relayed.has(way.from) ? "relay" : "udp";
  }

  answer(sdp: string): void {
    if (this.#closed) return;
    for (const picture of this.#pictures) picture.timed = takesSendTime(sdp);
    const lines = sdp.split("\r\n").filter((line) => !line.startsWith("a=candidate:") || this.#reaches(line));
    this.#peer.setRemoteDescription(lines.join("\r\n"), "answer");
  }

  candidate(candidate: string, mid: string): void {
    if (!this.#closed && candidate !== "" && this.#reaches(candidate)) this.#peer.addRemoteCandidate(candidate, mid);
  }

  /**
   * Whether the library is to check a candidate of the browser's. Not a relayed one where there is a detour: the browser's own check shows which of our
   * ports it can be answered from. A pair that is good in our eyes only, because its own checks were refused, would be chosen over that.
   */
  #reaches(candidate: string): boolean {
    const [, address = "", port] = / (\S+) (\d+) typ relay( |$)/.exec(candidate) ?? [];
    if (port === undefined) return true;
    if (this.#relayed.size < MAX_RELAYED) this.#relayed.add(transportAddress({ address, port: Number(port) }));
    return this.#detour === null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const line of this.#lines) line.detach();
    if (this.#ice) this.#detour?.remove(this.#ice.fragment);
    this.#peer.close();
  }
}

function randomSsrc(): number {
  return randomBytes(4).readUInt32BE(0) || 1;
}

function isRepetition({ name }: LineCodec): boolean {
  return name === "rtx";
}

/** An argument that the library takes for a mistake when it is undefined. */
function only<T>(value: T | undefined): [] | [T] {
  return value === undefined ? [] : [value];
}

/** The value of the first attribute of this name in a description. */
function attributeOf(sdp: string, name: string): string | undefined {
  const line = sdp.split("\n").find((one) => one.startsWith(`a=${name}:`));
  return line?.slice(name.length + 3).trim() || undefined;
}
