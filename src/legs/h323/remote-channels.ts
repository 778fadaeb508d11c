import type { CallEvent, CameraFormat, LineName, RemoteCapabilities, VideoFormat } from "../../h323/index.ts";
import { commonVideo } from "../../h323/index.ts";
import type { DescribedLine, FarLine, FarSection } from "./description.ts";
import { readVideo } from "./h264-description.ts";

type Name = Exclude<LineName, "audio">;
type Format = VideoFormat | CameraFormat;

interface Line {
  transmit?: Pick<FarLine, "rtp" | "rtcp"> & { readonly format: Format };
  /** It takes nothing for now, by flow control. */
  stopped?: boolean;
  receive?: { readonly format: Format; readonly rtcp: FarLine["rtcp"] };
}

/** The far end's channels beside the audio, as lines of its description. */
export class FarLines {
  readonly #lines = new Map<Name, Line>();

  /** Takes what the call tells of channels, and of limits of nothing. */
  on323(event: CallEvent): void {
    if (event.type === "flow-control") {
      const names = event.line === undefined ? (["video", "content"] as const) : [event.line];
      for (const name of names) if (name !== "audio") this.#line(name).stopped = event.bitsPerSecond === 0;
      return;
    }
    if (event.type !== "transmit" && event.type !== "receive" && event.type !== "transmit-closed" && event.type !== "receive-closed")
      return;
    if (event.line === "audio") return;
    const line = this.#line(event.line);
    if (event.type === "transmit") delete line.stopped;
    if (event.type === "transmit") line.transmit = { format: event.format, rtp: event.rtp, rtcp: event.rtcp };
    else if (event.type === "receive") line.receive = { format: event.format, rtcp: event.rtcp };
    else if (event.type === "transmit-closed") delete line.transmit;
    else delete line.receive;
  }

  #line(name: Name): Line {
    const line = this.#lines.get(name) ?? {};
    this.#lines.set(name, line);
    return line;
  }

  /** Lines that have a channel. */
  get open(): readonly Name[] {
    return [...this.#lines].flatMap(([name, { transmit, receive }]) => (transmit === undefined && receive === undefined ? [] : [name]));
  }

  /** The sections beside the audio, by place. What the far end has not said it can do is rejected; what it has, but has no channel, is inactive. */
  sections(ours: readonly DescribedLine[], remote: RemoteCapabilities | undefined): Map<number, FarSection> {
    const out = new Map<number, FarSection>();
    ours.forEach((line, index) => {
      if (line.name === "audio") return;
      out.set(index, (line.name && this.#section(line.name, line, remote)) ?? { rejected: line.media });
    });
    return out;
  }

  #section(name: Name, { media }: DescribedLine, remote: RemoteCapabilities | undefined): FarLine | undefined {
    const { transmit, receive, stopped } = this.#lines.get(name) ?? {};
    const format = transmit?.format ?? this.#possible(name, media, remote) ?? receive?.format;
    if (format === undefined) return undefined;
    const { rtcp } = transmit ?? receive ?? {};
    // Who only sends has named its RTCP at most; its RTP is the port before, by custom.
    const guessed = rtcp && { host: rtcp.host, port: rtcp.port - 1 };
    return {
      name,
      rtp: transmit?.rtp ?? guessed,
      rtcp,
      format,
      payloadType: receive?.format.payloadType ?? transmit?.format.payloadType ?? media.formats[0]?.payloadType ?? 96,
      sends: receive !== undefined,
      takes: transmit !== undefined && stopped !== true,
    };
  }

  /** What the far end could take on a line of ours. Unknown yet: what we offer. */
  #possible(name: Name, media: DescribedLine["media"], remote: RemoteCapabilities | undefined): Format | undefined {
    if (name === "camera") return remote === undefined || remote.camera ? { codec: "H224" } : undefined;
    const own = readVideo(media);
    return remote === undefined ? own[0] : commonVideo(own, remote[name]);
  }
}
