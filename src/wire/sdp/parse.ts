import sdpTransform from "sdp-transform";
import { ParseError } from "../../base/errors.ts";
import { trimEndOf } from "../../base/text.ts";
import { parseCrypto } from "./crypto.ts";
import {
  isRtpProtocol,
  type SdpAttribute,
  type SdpBandwidth,
  type SdpConnection,
  type SdpDirection,
  type SdpFormat,
  type SdpMedia,
  type SdpSession,
} from "./types.ts";

/** What a description may have at most; anything bigger is no call's. */
const SDP_LIMITS = { bytes: 65_536, lines: 2_000, lineLength: 4_096, media: 32, formats: 128 } as const;

/** Attributes read into fields. Others are kept raw and never reach sdp-transform's expressions. */
const SESSION_MODELLED = new Set(["sendrecv", "sendonly", "recvonly", "inactive", "setup", "fingerprint"]);
const MEDIA_MODELLED = new Set([
  ...SESSION_MODELLED,
  "rtpmap",
  "fmtp",
  "rtcp-fb",
  "crypto",
  "rtcp",
  "rtcp-mux",
  "ptime",
  "maxptime",
  "mid",
  "label",
  "content",
  "ssrc",
]);

/** RTP clocks of codecs, Hz, by which the right one of two mappings of a payload type is known. */
const CLOCKS: ReadonlyMap<string, number> = new Map([
  ["pcmu", 8000],
  ["pcma", 8000],
  ["g722", 8000],
  ["g729", 8000],
  ["gsm", 8000],
  ["cn", 8000],
  ["opus", 48_000],
  ["h261", 90_000],
  ["h263", 90_000],
  ["h264", 90_000],
  ["h265", 90_000],
  ["vp8", 90_000],
  ["vp9", 90_000],
  ["av1", 90_000],
  ["telephone-event", 8000],
]);
const G722_TYPE = 9;

interface Line {
  readonly type: string;
  readonly value: string;
  readonly offset: number;
}

interface MediaHead {
  readonly kind: string;
  readonly port: number;
  readonly protocol: string;
  readonly formatTokens: readonly string[];
}

/** What sdp-transform made of a section's modelled lines, with the fields its own types leave out. */
type Section = Partial<sdpTransform.MediaDescription> & { label?: string | number; content?: string | number; mid?: string | number };

/**
 * Reads a session description. Throws {@link ParseError}: status 400 for what is none, 488 for one beyond {@link SDP_LIMITS}.
 * Tolerated: bare LF, empty lines, trailing spaces, a missing s= or t=, a malformed attribute (kept raw).
 */
export function parseSdp(text: string | Uint8Array): SdpSession {
  const source = typeof text === "string" ? text : Buffer.from(text.buffer, text.byteOffset, text.length).toString("utf8");
  const lines = splitLines(source);
  if (lines[0]?.type !== "v" || lines[0].value.trim() !== "0") throw new ParseError("SDP does not begin with v=0", 0);
  const starts = lines.flatMap((line, i) => (line.type === "m" ? [i] : []));
  if (starts.length > SDP_LIMITS.media) throw tooMuch(`${starts.length} media lines`);
  const session = parseSession(lines.slice(1, starts[0] ?? lines.length));
  const media = starts.map((start, i) => parseMedia(lines.slice(start, starts[i + 1] ?? lines.length)));
  return { ...session, media };
}

function splitLines(source: string): Line[] {
  if (source.length > SDP_LIMITS.bytes) throw tooMuch(`${source.length} characters`);
  const lines: Line[] = [];
  let offset = 0;
  for (const raw of source.split("\n")) {
    const line = trimEndOf(raw, " \t\r");
    if (line !== "") {
      if (line.length > SDP_LIMITS.lineLength) throw tooMuch(`a line of ${line.length} characters`);
      if (!/^[a-z]=/.test(line)) throw new ParseError("SDP line is not of the form x=value", offset);
      if (/[\0\r]/.test(line)) throw new ParseError("SDP line has a control character", offset);
      lines.push({ type: line[0]!, value: line.slice(2), offset });
      if (lines.length > SDP_LIMITS.lines) throw tooMuch(`more than ${SDP_LIMITS.lines} lines`);
    }
    offset += raw.length + 1;
  }
  return lines;
}

function parseSession(lines: readonly Line[]): Omit<SdpSession, "media"> {
  const origin = lines.find(({ type }) => type === "o");
  if (!origin) throw new ParseError("SDP has no o= line");
  const match = /^(\S+) (\d{1,20}) (\d{1,20}) IN IP([46]) (\S+)$/.exec(origin.value);
  if (!match) throw new ParseError("SDP has a malformed o= line", origin.offset);
  const first = (type: string) => lines.find((line) => line.type === type)?.value;
  return {
    origin: { username: match[1]!, sessionId: match[2]!, version: match[3]!, ipVersion: match[4] === "6" ? 6 : 4, address: match[5]! },
    name: first("s") || "-",
    timing: first("t") ?? "0 0",
    otherLines: lines.filter(({ type }) => !"osctba".includes(type)).map(({ type, value }) => `${type}=${value}`),
    ...common(lines, transform("", lines, SESSION_MODELLED), SESSION_MODELLED),
  };
}

function parseMedia(lines: readonly Line[]): SdpMedia {
  const head = parseMediaHead(lines[0]!);
  const section = transform("m=audio 9 RTP/AVP 0\r\n", lines, MEDIA_MODELLED);
  const crypto = lines.flatMap(({ type, value }) => {
    const parsed = type === "a" && value.startsWith("crypto:") ? parseCrypto(value.slice(7)) : undefined;
    return parsed ? [parsed] : [];
  });
  const title = lines.find(({ type }) => type === "i")?.value;
  const rtcp = section.rtcp;
  const text = (value: string | number | undefined) => (value === undefined ? undefined : String(value));
  return stripUndefined({
    ...head,
    // a disabled line never costs the call, whatever it says
    ...common(lines, section, MEDIA_MODELLED, head.port === 0),
    formats: isRtpProtocol(head.protocol) ? parseFormats(head, section, lines[0]!.offset) : [],
    title,
    crypto,
    rtcp:
      rtcp && inPortRange(rtcp.port) ? stripUndefined({ port: rtcp.port, connection: connectionOf(rtcp.ipVer, rtcp.address) }) : undefined,
    rtcpMux: section.rtcpMux !== undefined,
    ptime: positive(section.ptime),
    maxptime: positive(section.maxptime),
    mid: text(section.mid),
    label: text(section.label),
    content: text(section.content),
    feedback: feedbackOf("*", section),
    ssrcs: (section.ssrcs ?? []).map(({ id, attribute, value }) =>
      stripUndefined({ ssrc: Number(id), attribute, value: value === undefined ? undefined : String(value) }),
    ),
  });
}

/** m=kind port[/count] protocol format... The count is hierarchical coding's (RFC 8866 section 5.14), unused since; it is dropped. */
function parseMediaHead({ value, offset }: Line): MediaHead {
  const match = /^([A-Za-z0-9._+-]+) +(\d{1,5})(?:\/\d{1,5})? +([A-Za-z0-9./_+-]+)((?: +\S+)*)$/.exec(value);
  if (!match) throw new ParseError("SDP has a malformed m= line", offset);
  const port = Number(match[2]);
  if (!inPortRange(port)) throw new ParseError(`SDP has a media port of ${port}`, offset);
  const formatTokens = match[4]!.split(" ").filter((token) => token !== "");
  if (port === 0)
    return { kind: match[1]!.toLowerCase(), port, protocol: match[3]!, formatTokens: formatTokens.slice(0, SDP_LIMITS.formats) };
  if (formatTokens.length > SDP_LIMITS.formats) throw tooMuch(`${formatTokens.length} formats in a media line`);
  return { kind: match[1]!.toLowerCase(), port, protocol: match[3]!, formatTokens };
}

/** Hands a section's modelled attributes to sdp-transform and returns what it made of them. */
function transform(head: string, lines: readonly Line[], names: ReadonlySet<string>): Section {
  const modelled = lines.filter(({ type, value }) => type === "a" && names.has(attributeName(value)));
  const parsed = sdpTransform.parse(head + modelled.map(({ value }) => `a=${value}\r\n`).join(""));
  return head === "" ? (parsed as Section) : (parsed.media[0] ?? {});
}

function attributeName(attribute: string): string {
  const colon = attribute.indexOf(":");
  return colon < 0 ? attribute : attribute.slice(0, colon);
}

function common(lines: readonly Line[], section: Section, modelled: ReadonlySet<string>, disabled = false) {
  const invalid = new Set(section.invalid?.map(({ value }) => value));
  const attributes: SdpAttribute[] = [];
  const fingerprints: { hash: string; value: string }[] = [];
  const bandwidths: SdpBandwidth[] = [];
  let connection: SdpConnection | undefined;
  for (const { type, value, offset } of lines) {
    if (type === "c") connection ??= parseConnection(value, offset, disabled);
    if (type === "b") {
      const match = /^([A-Za-z0-9-]+):(\d{1,15})$/.exec(value);
      if (match) bandwidths.push({ type: match[1]!, value: Number(match[2]) });
    }
    if (type !== "a") continue;
    const colon = value.indexOf(":");
    const name = attributeName(value);
    const malformed = invalid.has(value) || (name === "crypto" && !parseCrypto(value.slice(colon + 1)));
    // sdp-transform keeps one fingerprint; a description may have several (RFC 8122 section 5).
    const fingerprint = /^fingerprint:(\S+) (\S+)$/.exec(value);
    if (fingerprint) fingerprints.push({ hash: fingerprint[1]!, value: fingerprint[2]! });
    else if (malformed || !modelled.has(name)) attributes.push(colon < 0 ? { name } : { name, value: value.slice(colon + 1) });
  }
  return stripUndefined({
    connection,
    bandwidths,
    direction: section.direction as SdpDirection | undefined,
    setup: section.setup,
    fingerprints,
    attributes,
  });
}

/** Brackets around an IPv6 address are a URI's, and tolerated. Undefined for a malformed one of a disabled line. */
function parseConnection(value: string, offset: number, disabled: boolean): SdpConnection | undefined {
  const match = /^IN IP([46]) ([A-Za-z0-9.:/_%-]{1,255}|\[[A-Fa-f0-9.:%]{2,255}\])$/.exec(value);
  if (match) return { ipVersion: match[1] === "6" ? 6 : 4, address: withoutBrackets(match[2]!) };
  if (disabled) return undefined;
  throw new ParseError("SDP has a malformed c= line", offset);
}

function connectionOf(ipVersion: number | undefined, address: string | number | undefined): SdpConnection | undefined {
  return address && (ipVersion === 4 || ipVersion === 6) ? { ipVersion, address: withoutBrackets(address) } : undefined;
}

/** sdp-transform makes a number of what looks like one. */
function withoutBrackets(given: string | number): string {
  const address = String(given);
  return address.startsWith("[") && address.endsWith("]") ? address.slice(1, -1) : address;
}

/** Formats by their payload types. Throws for one that is none (RFC 3550 section 5.1: 0 to 127), which a disabled line may have. */
function parseFormats({ formatTokens, port }: MediaHead, section: Section, offset: number): SdpFormat[] {
  const formats = new Map<number, SdpFormat>();
  for (const token of formatTokens) {
    const payloadType = Number(token);
    const valid = /^\d{1,3}$/.test(token) && payloadType <= 127;
    if (!valid && port !== 0) throw new ParseError("SDP has a payload type that is none", offset);
    if (!valid || formats.has(payloadType)) continue;
    const maps = section.rtp?.filter(({ payload }) => payload === payloadType) ?? [];
    const map = maps.find(({ codec, rate }) => CLOCKS.get(String(codec).toLowerCase()) === rate) ?? maps[0];
    // RFC 3551 section 4.5.2: a clock of 8000 although it samples at 16000, which some write
    const rate = payloadType === G722_TYPE && String(map?.codec).toLowerCase() === "g722" ? 8000 : map?.rate;
    const channels = positive(map?.encoding);
    const fmtp = section.fmtp?.find(({ payload }) => payload === payloadType)?.config;
    formats.set(
      payloadType,
      stripUndefined({
        payloadType,
        codec: map?.codec || undefined,
        clockRate: positive(rate),
        channels,
        fmtp: fmtp === undefined ? undefined : String(fmtp).trim(),
        feedback: feedbackOf(payloadType, section),
      }),
    );
  }
  return [...formats.values()];
}

function feedbackOf(payload: number | "*", section: Section): string[] {
  // sdp-transform's types say number for what its expressions leave a string when it is "*".
  const matches = (entry: { payload: unknown }) => String(entry.payload) === String(payload);
  const plain = (section.rtcpFb ?? [])
    .filter((entry) => matches(entry) && entry.type)
    .map(({ type, subtype }) => (subtype ? `${type} ${subtype}` : type));
  const intervals = (section.rtcpFbTrrInt ?? []).filter(matches).map(({ value }) => `trr-int ${value}`);
  return [...plain, ...intervals];
}

function positive(value: number | string | undefined): number | undefined {
  const number = Number(value);
  return Number.isFinite(number) && number > 0 ? number : undefined;
}

function inPortRange(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535;
}

function tooMuch(what: string): ParseError {
  return new ParseError(`SDP has ${what}, more than is accepted`, undefined, 488);
}

type Stripped<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out keys whose value is undefined, so that absent means absent. */
function stripUndefined<T extends object>(value: T): Stripped<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Stripped<T>;
}
