import type { MediaStats } from "../media.ts";

/** The lines of `uuid_dump`; values are percent-encoded, mostly. */
export function parseDump(body: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const line of body.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0 && line.startsWith("variable_")) variables[line.slice(0, colon)] = decoded(line.slice(colon + 2).trim());
  }
  return variables;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Reads `uuid_dump` after `uuid_set_media_stats`: FreeSWITCH's channel variables of RTP. Null before there is any codec. */
export function readStats(variables: Readonly<Record<string, string | undefined>>): MediaStats | null {
  const number = (name: string): number => {
    const value = Number(variables[`variable_${name}`]);
    return Number.isFinite(value) && value > 0 ? value : 0;
  };
  const text = (name: string): string | undefined => {
    const value = variables[`variable_${name}`];
    return value === "" ? undefined : value;
  };
  const codec = text("rtp_use_codec_name") ?? text("read_codec");
  if (codec === undefined) return null;
  return {
    codec: codec.toLowerCase() === "opus" ? "opus" : codec,
    srtp: text("rtp_has_crypto") ?? null,
    packetsIn: number("rtp_audio_in_packet_count"),
    packetsOut: number("rtp_audio_out_packet_count"),
    lossPercent: Math.min(100, number("rtp_audio_in_jitter_loss_rate")),
    // the embedded server has RFC 3550's estimate; FreeSWITCH only variances, of which the root of the worst is told
    jitterMs:
      variables["variable_rtp_audio_in_jitter_ms"] === undefined
        ? root(number("rtp_audio_in_jitter_max_variance"))
        : number("rtp_audio_in_jitter_ms"),
  };
}

function root(variance: number): number {
  return Math.round(Math.sqrt(variance) * 100) / 100;
}
