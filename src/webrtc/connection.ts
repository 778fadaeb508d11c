import { randomBytes } from "node:crypto";
import nodeDataChannel, { type Audio, type PeerConnection, type Video } from "node-datachannel";
import { advertised } from "./candidates.ts";
import type { Line } from "./line.ts";
import type { ConnectionState, OfferedLine, ProcessSettings } from "./messages.ts";

export interface ConnectionEvents {
  offer(sdp: string): void;
  candidate(candidate: string, mid: string): void;
  state(state: ConnectionState): void;
}

/** One WebRTC connection to a browser. We offer; each line is a media section of ours, named by its `mid`. */
export class Connection {
  readonly #peer: PeerConnection;
  readonly #lines: Line[] = [];
  #closed = false;

  constructor(
    name: string,
    offered: readonly OfferedLine[],
    lines: ReadonlyMap<string, Line>,
    settings: ProcessSettings,
    events: ConnectionEvents,
  ) {
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
    this.#peer.onLocalDescription(unlessClosed((sdp) => events.offer(sdp)));
    this.#peer.onLocalCandidate(
      unlessClosed((text, mid) => {
        const candidate = text.replace(/^a=/, "");
        events.candidate(candidate, mid);
        const outside = advertised(candidate, settings.advertise);
        if (outside !== null) events.candidate(outside, mid);
      }),
    );
    this.#peer.onStateChange(unlessClosed((state) => events.state(state as ConnectionState)));
    for (const one of offered) this.#add(one, lines.get(one.mid)!);
    this.#peer.setLocalDescription("offer");
  }

  #add(offered: OfferedLine, line: Line): void {
    const ssrc = randomBytes(4).readUInt32BE(0) || 1;
    const media = offered.kind === "audio" ? this.#audio(offered) : this.#video(offered);
    media.addSSRC(ssrc, "crosspoint", offered.mid, `${offered.mid}-track`);
    const track = this.#peer.addTrack(media);
    line.attach(track, ssrc, offered.codecs[0]?.clockRate ?? 90_000);
    this.#lines.push(line);
  }

  #audio({ mid, direction, codecs }: OfferedLine): Audio {
    const media = new nodeDataChannel.Audio(mid, direction);
    for (const { payloadType, name, clockRate, channels, fmtp } of codecs)
      media.addAudioCodec(payloadType, `${name}/${clockRate}${channels !== undefined && channels > 1 ? `/${channels}` : ""}`, fmtp);
    return media;
  }

  /** The library offers `nack`, `nack pli` and `goog-remb` of every codec by itself. */
  #video({ mid, direction, codecs }: OfferedLine): Video {
    const media = new nodeDataChannel.Video(mid, direction);
    for (const { payloadType, name, fmtp, feedback = [] } of codecs) {
      media.addVideoCodec(payloadType, name, fmtp);
      if (feedback.includes("ccm fir")) media.parseSdpLine(`a=rtcp-fb:${payloadType} ccm fir`);
    }
    return media;
  }

  answer(sdp: string): void {
    if (!this.#closed) this.#peer.setRemoteDescription(sdp, "answer");
  }

  candidate(candidate: string, mid: string): void {
    if (!this.#closed && candidate !== "") this.#peer.addRemoteCandidate(candidate, mid);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const line of this.#lines) line.detach();
    this.#peer.close();
  }
}
