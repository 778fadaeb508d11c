import { expect, test } from "vitest";
import { readStats } from "../../../src/media-client/stats.ts";

// Values as FreeSWITCH 1.11.1 tells them of a call without any loss: `skip` is no loss.
const freeswitch = {
  variable_rtp_use_codec_name: "PCMU",
  variable_rtp_audio_in_packet_count: "150",
  variable_rtp_audio_in_media_packet_count: "150",
  variable_rtp_audio_in_skip_packet_count: "48",
  variable_rtp_audio_in_jitter_max_variance: "4.00",
  variable_rtp_audio_in_jitter_loss_rate: "0.00",
  variable_rtp_audio_out_packet_count: "149",
};

test("FreeSWITCH's early looks are no loss", () => {
  expect(readStats(freeswitch)).toEqual({ codec: "PCMU", srtp: null, packetsIn: 150, packetsOut: 149, lossPercent: 0, jitterMs: 2 });
});

test("FreeSWITCH's loss is a share", () => {
  expect(readStats({ ...freeswitch, variable_rtp_audio_in_jitter_loss_rate: "0.03" })?.lossPercent).toBe(3);
});

test("the embedded media server's figures are exact", () => {
  const embedded = { ...freeswitch, variable_rtp_audio_in_lost_packet_count: "1", variable_rtp_audio_in_jitter_ms: "0.75" };
  expect(readStats(embedded)).toMatchObject({ lossPercent: 0.66, jitterMs: 0.75 });
});

test("nothing is told before there is a codec", () => {
  expect(readStats({})).toBeNull();
});
