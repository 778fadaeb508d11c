import { type AudioCodec, type AudioFormat, type LocalCapabilities, type LocalMedia, payloadTypeOf } from "../../h323/index.ts";
import { capabilityOf } from "../../negotiation/index.ts";
import { parseSdp, type SdpDirection } from "../../wire/sdp/index.ts";

/** Codecs that a description and H.245 both have a name for, by RTP encoding name and clock rate. */
const CODECS: readonly AudioCodec[] = ["G722", "PCMU", "PCMA", "G729", "GSM", "G723"];

/** What a session description says that H.245 can say too. */
export interface Described {
  readonly media: LocalMedia;
  readonly capabilities: LocalCapabilities;
  readonly direction: SdpDirection;
}

/** Reads our media server's description for H.245; undefined when no audio in it can be said there. */
export function readDescription(text: string): Described | undefined {
  const session = parseSdp(text);
  const audio = session.media.find((m) => m.kind === "audio" && m.port !== 0);
  const host = audio?.connection?.address ?? session.connection?.address;
  if (audio === undefined || host === undefined) return undefined;
  const maxPtime = audio.ptime ?? 20;
  const formats = audio.formats.flatMap((format): AudioFormat[] => {
    const capability = capabilityOf(format);
    const codec = CODECS.find((c) => c.toUpperCase() === capability?.codec.toUpperCase() && capability.clockRate === 8000);
    return codec === undefined ? [] : [{ codec, maxPtime }];
  });
  if (formats.length === 0) return undefined;
  const events = audio.formats.find((f) => f.codec?.toLowerCase() === "telephone-event" && f.clockRate === 8000);
  return {
    media: { rtp: { host, port: audio.port }, rtcp: { host, port: audio.rtcp?.port ?? audio.port + 1 } },
    capabilities: {
      audio: formats,
      // H.245 has room for dynamic payload types only.
      telephoneEvent: events !== undefined && events.payloadType >= 96 ? events.payloadType : undefined,
      userInput: ["alphanumeric", "signal"],
    },
    direction: audio.direction ?? session.direction ?? "sendrecv",
  };
}

/** What we know of the far end's audio. */
export interface FarAudio {
  readonly rtp: { readonly host: string; readonly port: number };
  readonly rtcp: { readonly host: string; readonly port: number } | undefined;
  /** What we send to it. */
  readonly transmit: AudioFormat;
  /** What it sends, where that is another codec. */
  readonly receive: AudioFormat | undefined;
  /** Payload type on which it takes RFC 4733 events, and sends them. */
  readonly telephoneEvent: number | undefined;
  readonly direction: SdpDirection;
}

/** The far end as a session description, as if it had spoken SDP. `version` rises with every change. */
export function describeFarEnd(far: FarAudio, version: number): string {
  const { rtp, rtcp, transmit, receive, telephoneEvent: events, direction } = far;
  const ip = rtp.host.includes(":") ? "IP6" : "IP4";
  const codecs = [transmit, ...(receive !== undefined && receive.codec !== transmit.codec ? [receive] : [])];
  const payloadTypes: (readonly [number, string])[] = codecs.map(({ codec }) => [payloadTypeOf(codec), `${codec}/8000`]);
  if (events !== undefined) payloadTypes.push([events, "telephone-event/8000"]);
  return [
    "v=0",
    `o=h323 1 ${version} IN ${ip} ${rtp.host}`,
    "s=-",
    `c=IN ${ip} ${rtp.host}`,
    "t=0 0",
    `m=audio ${rtp.port} RTP/AVP ${payloadTypes.map(([pt]) => pt).join(" ")}`,
    ...payloadTypes.map(([pt, name]) => `a=rtpmap:${pt} ${name}`),
    ...(events === undefined ? [] : [`a=fmtp:${events} 0-16`]),
    // Odd ports and NAT: only said where it is not the next port.
    ...(rtcp !== undefined && rtcp.port !== rtp.port + 1 ? [`a=rtcp:${rtcp.port}`] : []),
    `a=ptime:${Math.min(20, transmit.maxPtime)}`,
    `a=${direction}`,
    "",
  ].join("\r\n");
}
