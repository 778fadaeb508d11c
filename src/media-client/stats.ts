import type { MediaStats } from "../call-media/media-server.ts";

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
  const has = (name: string): boolean => text(name) !== undefined;
  const received = number("rtp_audio_in_media_packet_count") || number("rtp_audio_in_packet_count");
  // The embedded media server counts lost packets. FreeSWITCH tells their share only, in hundredths, anew every 5 s; its `skip` counts the
  // times it looked for a packet too early.
  const lost = number("rtp_audio_in_lost_packet_count");
  const lossShare = has("rtp_audio_in_lost_packet_count")
    ? lost / Math.max(1, received + lost)
    : Math.min(1, number("rtp_audio_in_jitter_loss_rate"));
  return {
    codec: codec.toLowerCase() === "opus" ? "opus" : codec,
    srtp: text("rtp_has_crypto") ?? null,
    packetsIn: number("rtp_audio_in_packet_count") || received,
    packetsOut: number("rtp_audio_out_packet_count") || number("rtp_audio_out_media_packet_count"),
    lossPercent: Math.round(lossShare * 10_000) / 100,
    // FreeSWITCH keeps variances, and the greatest so far: the square root is of the same unit as RFC 3550's estimate.
    jitterMs:
      Math.round(
        (has("rtp_audio_in_jitter_ms") ? number("rtp_audio_in_jitter_ms") : Math.sqrt(number("rtp_audio_in_jitter_max_variance"))) * 100,
      ) / 100,
  };
}
