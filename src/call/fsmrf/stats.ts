import type { MediaStats } from "../media.ts";

/** Reads `uuid_dump` after `uuid_set_media_stats`: FreeSWITCH's channel variables of RTP. Null before there is any codec. */
export function readStats(variables: Readonly<Record<string, string | number | undefined>>): MediaStats | null {
  const number = (name: string): number => {
    const value = Number(variables[`variable_${name}`]);
    return Number.isFinite(value) && value > 0 ? value : 0;
  };
  const text = (name: string): string | undefined => {
    const value = variables[`variable_${name}`];
    return value === undefined || value === "" ? undefined : String(value);
  };
  const codec = text("rtp_use_codec_name") ?? text("read_codec");
  if (codec === undefined) return null;
  const received = number("rtp_audio_in_media_packet_count") || number("rtp_audio_in_packet_count");
  const lost = number("rtp_audio_in_skip_packet_count");
  return {
    codec: codec.toLowerCase() === "opus" ? "opus" : codec,
    srtp: text("rtp_has_crypto") ?? null,
    packetsIn: number("rtp_audio_in_packet_count") || received,
    packetsOut: number("rtp_audio_out_packet_count") || number("rtp_audio_out_media_packet_count"),
    lossPercent: received + lost > 0 ? Math.round((lost / (received + lost)) * 10_000) / 100 : 0,
    // FreeSWITCH keeps variances: the square root is of the same unit as RFC 3550's estimate
    jitterMs: Math.round(Math.sqrt(number("rtp_audio_in_jitter_max_variance")) * 100) / 100,
  };
}
