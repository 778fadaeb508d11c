import { expect, it } from "vitest";
import { Metrics } from "../../../src/admin/metrics.ts";
import { noCounts } from "../../../src/video/index.ts";
import { createAdminServer } from "../../../src/admin/server.ts";
import { callRecord, FakeGateway } from "./fake-gateway.ts";

it("tells calls, refusals, stages, lockouts, media, certificates and engines", async () => {
  const gateway = new FakeGateway();
  const metrics = new Metrics({
    version: "1.2.3",
    engines: { sip: async () => ({ transactions: 7, tls: { handshakes: 3 }, name: "x" }), media: () => Promise.reject(new Error("gone")) },
    certificates: () => [{ file: "server.crt", daysLeft: 12 }],
  });
  metrics.watch(gateway);
  metrics.callStarted({ direction: "in", protocol: "sip", transport: "tls" });
  metrics.callEnded({ direction: "in", trunk: null, outcome: "no-such-meeting", answered: false, seconds: 0.1 });
  metrics.callEnded({ direction: "in", trunk: "carrier", outcome: "completed", answered: true, seconds: 61 });
  metrics.stage("first-prompt", 40);
  metrics.pin("wrong");
  metrics.pin("locked-out");
  metrics.gauges({ calls: 3, participants: 2, meetings: 5, pictures: [{ protocol: "h323", kind: "screen", lines: 2 }] });
  metrics.engine("sip", true);
  gateway.emit({ type: "call-ended", record: callRecord("r", { lossPercent: 0.2, jitterMs: 3 }) });

  const server = createAdminServer({ gateway, token: "t".repeat(16), version: "1", metrics, log: { warn() {}, error() {} } });
  const { body, headers } = await server.inject({ method: "GET", url: "/metrics" });
  await server.close();
  expect(headers["content-type"]).toMatch(/^text\/plain/);
  for (const line of [
    'crosspoint_info{version="1.2.3"} 1',
    'crosspoint_calls_started_total{direction="in",protocol="sip",transport="tls"} 1',
    'crosspoint_refusals_total{code="no-such-meeting"} 1',
    'crosspoint_calls_ended_total{direction="in",trunk="carrier",outcome="completed",answered="true"} 1',
    'crosspoint_join_stage_seconds_bucket{le="0.05",stage="first-prompt"} 1',
    "crosspoint_pin_lockouts_total 1",
    "crosspoint_calls 3",
    'crosspoint_video_lines{protocol="h323",kind="screen"} 2',
    'crosspoint_engine_connected{engine="sip"} 1',
    'crosspoint_media_loss_percent_count{trunk="carrier"} 1',
    'crosspoint_certificate_expiry_days{file="server.crt"} 12',
    'crosspoint_certificate_expiry_seconds{file="server.crt"} 1036800',
    'crosspoint_sip_engine{stat="transactions"} 7',
    'crosspoint_sip_engine{stat="tls_handshakes"} 3',
  ]) {
    expect(body).toContain(`${line}\n`);
  }
  expect(body).toContain("crosspoint_nodejs_eventloop_lag");
  // what promtool would call otherwise is there under the name that it would have, too (docs/operate/operations.md)
  const names = new Set(body.split("\n").map((line) => /^# TYPE (\S+) gauge$/.exec(line)?.[1]));
  const misnamed = [...names].filter((name) => /(_total|_days)$/.test(name ?? ""));
  expect(misnamed.length).toBeGreaterThan(0);
  for (const name of misnamed) expect(names).toContain(name!.replace(/_total$/, "").replace(/_days$/, "_seconds"));
  expect(body).not.toContain("person@example.com");
});

it("tells what the video relay and browsers' connections have come to, as they are when asked", async () => {
  const counts = noCounts();
  const browsers = { udp: 0, tcp: 1, relay: 0, none: 0 };
  const metrics = new Metrics({
    version: "1",
    pictures: () => ({
      counts,
      threads: [
        { up: true, lines: 4, deaths: 0, busyMs: 1500, lateMs: 20 },
        { up: false, lines: 0, deaths: 6, busyMs: 0, lateMs: 0 },
      ],
    }),
    browsers: () => ({ browsers, connected: 3, failed: 1, deaths: 2 }),
  });
  expect(await metrics.text()).toContain('crosspoint_video_packets_total{direction="in"} 0\n');
  // each a number of its own
  for (const [index, name] of (Object.keys(counts) as (keyof typeof counts)[]).entries()) counts[name] = 100 + index;
  browsers.relay = 2;
  const text = await metrics.text();
  for (const line of [
    `crosspoint_video_packets_total{direction="in"} ${counts.packetsIn}`,
    `crosspoint_video_packets_total{direction="out"} ${counts.packetsOut}`,
    `crosspoint_video_bytes_total{direction="out"} ${counts.octetsOut}`,
    `crosspoint_video_packets_lost_total{direction="out"} ${counts.lostOut}`,
    `crosspoint_video_packets_nacked_total{by="gateway"} ${counts.nackedIn}`,
    `crosspoint_video_packets_nacked_total{by="far-end"} ${counts.nackedOut}`,
    `crosspoint_video_packets_repaired_total{direction="in"} ${counts.repairedIn}`,
    `crosspoint_video_key_frame_requests_total{by="far-end"} ${counts.keyFramesWanted}`,
    `crosspoint_video_key_frames_total ${counts.keyFrames}`,
    `crosspoint_video_switches_total{at="timeout"} ${counts.forcedSwitches}`,
    `crosspoint_video_freezes_total ${counts.freezes}`,
    `crosspoint_video_lines_cut_total ${counts.cuts}`,
    `crosspoint_video_packets_dropped_total{reason="unauthenticated"} ${counts.unauthenticated}`,
    `crosspoint_video_packets_dropped_total{reason="over-rate"} ${counts.overRate}`,
    'crosspoint_video_thread_up{thread="1"} 0',
    'crosspoint_video_thread_lines{thread="0"} 4',
    'crosspoint_video_thread_lateness_seconds{thread="0"} 0.02',
    'crosspoint_video_thread_deaths_total{thread="1"} 6',
    'crosspoint_video_thread_busy_seconds_total{thread="0"} 1.5',
    'crosspoint_browsers{path="relay"} 2',
    'crosspoint_browser_connections_total{result="failed"} 1',
    "crosspoint_webrtc_process_deaths_total 2",
  ])
    expect(text).toContain(`${line}\n`);
  // every count has its line
  for (const value of Object.values(counts)) expect(text).toMatch(new RegExp(`^crosspoint_video_\\S+ ${value}$`, "m"));
});
