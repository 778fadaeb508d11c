import type { SdpFormat, SdpMedia } from "../wire/sdp/index.ts";

/** Format parameters, keys in lower case; a parameter without a value has the empty string. */
export type FormatParameters = Readonly<Record<string, string>>;

/**
 * A codec as both SDP and H.245 can say it. `clockRate` is the RTP clock in hertz, which for G.722 is 8000 though it samples at 16000
 * (RFC 3551 section 4.5.2).
 */
export interface MediaCapability {
  /** The registered encoding name in its registered case: `PCMU`, `G722`, `opus`, `telephone-event`. */
  readonly codec: string;
  readonly clockRate: number;
  /** As rtpmap says it: 1 unless said otherwise, 2 for opus always (RFC 7587 section 7). */
  readonly channels: number;
  readonly parameters: FormatParameters;
}

/** Payload types RFC 3551 section 6 fixes. */
const STATIC_TYPES: ReadonlyMap<number, readonly [string, number, number]> = new Map([
  [0, ["PCMU", 8000, 1]],
  [3, ["GSM", 8000, 1]],
  [4, ["G723", 8000, 1]],
  [5, ["DVI4", 8000, 1]],
  [6, ["DVI4", 16000, 1]],
  [7, ["LPC", 8000, 1]],
  [8, ["PCMA", 8000, 1]],
  [9, ["G722", 8000, 1]],
  [10, ["L16", 44100, 2]],
  [11, ["L16", 44100, 1]],
  [12, ["QCELP", 8000, 1]],
  [13, ["CN", 8000, 1]],
  [14, ["MPA", 90000, 1]],
  [15, ["G728", 8000, 1]],
  [16, ["DVI4", 11025, 1]],
  [17, ["DVI4", 22050, 1]],
  [18, ["G729", 8000, 1]],
  [26, ["JPEG", 90000, 1]],
  [31, ["H261", 90000, 1]],
  [32, ["MPV", 90000, 1]],
  [33, ["MP2T", 90000, 1]],
  [34, ["H263", 90000, 1]],
]);

/** The fixed payload type of a codec, undefined where it needs a dynamic one. */
export function staticPayloadType(codec: string, clockRate: number, channels = 1): number | undefined {
  for (const [type, [name, rate, count]] of STATIC_TYPES) {
    if (sameName(name, codec) && rate === clockRate && count === channels) return type;
  }
  return undefined;
}

/** What a format means, from its rtpmap or its static type; undefined for a dynamic type without rtpmap. */
export function capabilityOf(format: SdpFormat): MediaCapability | undefined {
  const parameters = parseParameters(format.fmtp);
  if (format.codec !== undefined) {
    if (format.clockRate === undefined) return undefined;
    return { codec: format.codec, clockRate: format.clockRate, channels: format.channels ?? 1, parameters };
  }
  const known = STATIC_TYPES.get(format.payloadType);
  return known && { codec: known[0], clockRate: known[1], channels: known[2], parameters };
}

/** A line's formats with their meaning, in order; those without one are left out. */
export function readCapabilities(media: SdpMedia): { readonly payloadType: number; readonly capability: MediaCapability }[] {
  return media.formats.flatMap((format) => {
    const capability = capabilityOf(format);
    return capability ? [{ payloadType: format.payloadType, capability }] : [];
  });
}

/**
 * Whether two name the same codec in the same RTP form; parameters are not compared. Channels are not for opus, whose rtpmap always says
 * two and in the field sometimes says nothing.
 */
export function sameCodec(a: MediaCapability, b: MediaCapability): boolean {
  if (!sameName(a.codec, b.codec) || a.clockRate !== b.clockRate) return false;
  return sameName(a.codec, "opus") || a.channels === b.channels;
}

/** Compares encoding names as RFC 4855 section 3 does: without case. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** `minptime=10; useinbandfec=1` as parameters. A value that is a bare list (telephone-event's `0-15`) is a parameter without value. */
export function parseParameters(fmtp: string | undefined): FormatParameters {
  const parameters: Record<string, string> = Object.create(null);
  for (const part of fmtp?.split(";") ?? []) {
    const [name, ...value] = part.split("=");
    const key = name!.trim().toLowerCase();
    if (key !== "") parameters[key] = value.join("=").trim();
  }
  return parameters;
}

/** Parameters as an fmtp value, undefined when there are none. */
export function formatParameters(parameters: FormatParameters): string | undefined {
  const entries = Object.entries(parameters);
  return entries.length === 0 ? undefined : entries.map(([key, value]) => (value === "" ? key : `${key}=${value}`)).join(";");
}

function audio(codec: string, clockRate: number, channels = 1, parameters: FormatParameters = {}): MediaCapability {
  return { codec, clockRate, channels, parameters };
}

/** DTMF events 0 to 15 (RFC 4733) at the clock of the audio codec they go with. */
export function telephoneEvent(clockRate: number): MediaCapability {
  return audio("telephone-event", clockRate, 1, { "0-15": "" });
}

export const OPUS = audio("opus", 48000, 2, { useinbandfec: "1" });
export const G722 = audio("G722", 8000);
export const PCMU = audio("PCMU", 8000);
export const PCMA = audio("PCMA", 8000);
export const COMFORT_NOISE = audio("CN", 8000);
