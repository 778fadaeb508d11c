// The profile of an answer is that of the offer (RFC 3264 section 6): RTP/SAVP in answer to RTP/AVP without keys would be a call without sound.
import { afterEach, expect, it } from "vitest";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench, sdp, settle, until } from "../harness.ts";

let bench: Bench;
afterEach(() => bench.stop());

const KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";

it.each([
  ["RTP/SAVP", KEY],
  ["RTP/SAVP", ""],
  ["RTP/SAVPF", KEY],
  ["UDP/TLS/RTP/SAVP", ""],
  ["UDP/TLS/RTP/SAVPF", ""],
])("%s in answer to RTP/AVP is acknowledged and ended, with 488 in the record", async (profile, key) => {
  bench = await Bench.create({ trunks: [trunk("pbx", { target: "sip:pbx.example", srtp: "none" })] });
  bench.srf.peer = () => ({ status: 200, sdp: `${sdp().replace("RTP/AVP", profile)}${key}` });
  const dialling = bench.outbound.dialOut({ uri: "sip:bob@pbx.example", meetingId: "1000" }).catch(() => undefined);
  await settle();
  await dialling;
  await until(() => bench.records.length === 1, "the record");
  expect(bench.port.sessions[0]!.done).toEqual(["close"]);
  expect(bench.records).toMatchObject([{ outcome: "srtp-not-acceptable", sipStatus: 488 }]);
  expect(bench.srf.dialogs[0]?.byeReason).toContain("cause=79");
  expect(bench.sfu.done).toEqual([]);
});
