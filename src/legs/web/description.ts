import type { LineCodec, LineSpec, LineTarget, OfferedLine } from "../../webrtc/index.ts";
import { parseSdp, type SdpFormat, type SdpMedia } from "../../wire/sdp/index.ts";

/** What a line is for. `alt`: a further picture, by how recently its sender has spoken. */
export type LineUse = "audio" | "camera" | "slides" | "alt";

/** A line of a browser, in the order of the description; `mid` is what the page calls it. */
export interface WebLine extends LineSpec {
  readonly use: LineUse;
}

/** Further pictures than the speaker's that a page can show at a time. */
export const MAX_FURTHER_PICTURES = 8;

const OPUS: LineCodec = { payloadType: 111, name: "opus", clockRate: 48_000, channels: 2, fmtp: "minptime=10;useinbandfec=1" };
const AUDIO: readonly LineCodec[] = [
  OPUS,
  { payloadType: 9, name: "G722", clockRate: 8_000 },
  { payloadType: 0, name: "PCMU", clockRate: 8_000 },
  { payloadType: 8, name: "PCMA", clockRate: 8_000 },
  { payloadType: 110, name: "telephone-event", clockRate: 48_000, fmtp: "0-16" },
];
const FEEDBACK = ["nack", "nack pli", "ccm fir", "goog-remb"];
/** A browser sends the first it has of the line's: H.264, which rooms have, before VP8. It can be shown either. */
const VIDEO: readonly LineCodec[] = [
  {
    payloadType: 102,
    name: "H264",
    clockRate: 90_000,
    fmtp: "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
    feedback: FEEDBACK,
  },
  { payloadType: 103, name: "rtx", clockRate: 90_000, fmtp: "apt=102" },
  { payloadType: 96, name: "VP8", clockRate: 90_000, feedback: FEEDBACK },
  { payloadType: 97, name: "rtx", clockRate: 90_000, fmtp: "apt=96" },
];

/** Payload types that a page has taken of each line, by `mid`; none of a line that it has refused. What is not in it is taken as offered. */
export type TakenByPage = ReadonlyMap<string, readonly number[]>;

/** What a page's answer takes of the lines it was offered. Throws ParseError. */
export function takenByPage(answer: string): TakenByPage {
  return new Map(
    parseSdp(answer).media.flatMap(({ mid, port, formats }) =>
      mid === undefined ? [] : [[mid, port === 0 ? [] : formats.map(({ payloadType }) => payloadType)] as const],
    ),
  );
}

/** The lines of a browser that can show `further` pictures besides the speaker's. */
export function webLines(further: number): readonly WebLine[] {
  const alt = Array.from({ length: Math.min(further, MAX_FURTHER_PICTURES) }, (_, rank) => `alt${rank + 1}`);
  return [
    { mid: "audio", kind: "audio", use: "audio" },
    { mid: "camera", kind: "video", use: "camera" },
    { mid: "slides", kind: "video", use: "slides" },
    ...alt.map((mid) => ({ mid, kind: "video", use: "alt" }) as const),
  ];
}

/** Of a page that has not answered yet. */
export const EVERYTHING: TakenByPage = new Map();

/** The browser as plain RTP at `address`: the offer that the gateway answers. `version` rises with every change. */
export function describeBrowser(
  lines: readonly WebLine[],
  address: string,
  ports: Readonly<Record<string, number>>,
  version = 1,
  taken = EVERYTHING,
): string {
  const ip = address.includes(":") ? "IP6" : "IP4";
  return [
    "v=0",
    `o=web 1 ${version} IN ${ip} ${address}`,
    "s=-",
    `c=IN ${ip} ${address}`,
    "t=0 0",
    ...lines.flatMap((line) => describeLine(line, ports[line.mid]!, taken.get(line.mid))),
    "",
  ].join("\r\n");
}

function describeLine({ mid, kind, use }: WebLine, openPort: number, taken: readonly number[] | undefined): string[] {
  const all = kind === "audio" ? AUDIO : VIDEO;
  const usable = taken === undefined ? all : all.filter(({ payloadType }) => taken.includes(payloadType));
  const port = usable.length > 0 ? openPort : 0;
  const codecs = port === 0 ? all : usable;
  const content = { audio: [], camera: ["a=content:main"], slides: ["a=content:slides"], alt: ["a=content:alt"] }[use];
  return [
    `m=${kind} ${port} ${kind === "audio" ? "RTP/AVP" : "RTP/AVPF"} ${codecs.map(({ payloadType }) => payloadType).join(" ")}`,
    `a=mid:${mid}`,
    ...content,
    ...codecs.flatMap(({ payloadType, name, clockRate, channels, fmtp, feedback = [] }) => [
      `a=rtpmap:${payloadType} ${name}/${clockRate}${channels === undefined ? "" : `/${channels}`}`,
      ...(fmtp === undefined ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
      ...feedback.map((what) => `a=rtcp-fb:${payloadType} ${what}`),
    ]),
    ...(kind === "audio" ? ["a=ptime:20"] : []),
    // both on one port, whether or not the other side knows of muxing
    `a=rtcp:${port}`,
    "a=rtcp-mux",
    use === "alt" ? "a=recvonly" : "a=sendrecv",
  ];
}

const DIRECTIONS = { sendrecv: "SendRecv", sendonly: "SendOnly", recvonly: "RecvOnly", inactive: "Inactive" } as const;

/**
 * The gateway's answer (or later offer) as what the page is offered: the same lines by position, without those it has refused. `reach` turns an address told
 * to the outside into the one by which we reach our own media server. Throws ParseError.
 */
export function offeredToPage(lines: readonly WebLine[], description: string, reach: (address: string) => string): OfferedLine[] {
  const session = parseSdp(description);
  return lines.flatMap(({ mid, kind }, index): OfferedLine[] => {
    const media = session.media[index];
    if (!media || media.port === 0 || media.kind !== kind) return [];
    const codecs = media.formats.flatMap((format) => codecOf(format, kind, media.feedback));
    if (codecs.length === 0) return [];
    const address = media.connection?.address ?? session.connection?.address;
    return [
      {
        mid,
        kind,
        direction: DIRECTIONS[media.direction ?? session.direction ?? "sendrecv"],
        codecs,
        target: address === undefined ? null : targetOf(media, reach(address)),
      },
    ];
  });
}

function targetOf({ port, rtcp, rtcpMux }: SdpMedia, address: string): LineTarget {
  return { address, port, rtcpPort: rtcpMux ? port : (rtcp?.port ?? port + 1) };
}

/** A format by what was offered of it: static payload types need not be described in an answer, nor what goes without saying. */
function codecOf(format: SdpFormat, kind: "audio" | "video", feedback: readonly string[]): LineCodec[] {
  const ours = (kind === "audio" ? AUDIO : VIDEO).find(({ payloadType }) => payloadType === format.payloadType);
  if (!ours) return [];
  const told = [...format.feedback, ...feedback];
  const fmtp = format.fmtp ?? ours.fmtp;
  return [
    {
      ...ours,
      ...(fmtp === undefined ? {} : { fmtp }),
      ...(ours.feedback && { feedback: told.length > 0 ? told : ours.feedback }),
    },
  ];
}
