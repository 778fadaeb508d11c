import { expect, it } from "vitest";
import { Metrics } from "../../../src/admin/metrics.ts";
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
  metrics.gauges({ calls: 3, participants: 2, meetings: 5 });
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
    'crosspoint_engine_connected{engine="sip"} 1',
    'crosspoint_media_loss_percent_count{trunk="carrier"} 1',
    'crosspoint_certificate_expiry_days{file="server.crt"} 12',
    'crosspoint_sip_engine{stat="transactions"} 7',
    'crosspoint_sip_engine{stat="tls_handshakes"} 3',
  ]) {
    expect(body).toContain(`${line}\n`);
  }
  expect(body).toContain("crosspoint_nodejs_eventloop_lag");
  expect(body).not.toContain("person@example.com");
});
