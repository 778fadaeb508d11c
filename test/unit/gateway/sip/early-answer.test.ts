// Calls of ours whose 200 carries no description: what was said before it is the answer (RFC 6337 section 3.1.1).
import { afterEach, expect, it } from "vitest";
import { trunk } from "../../trunks/fixtures.ts";
import { Bench, sdp, settle } from "../harness.ts";

let bench: Bench;
afterEach(() => bench.stop());

async function called(response: { sdp?: string; early?: string; earlyTag?: string }) {
  bench = await Bench.create({ trunks: [trunk("pbx", { target: "sip:pbx.example" })] });
  bench.srf.peer = () => ({ status: 200, ...response });
  const dialling = bench.outbound.dialOut({ uri: "sip:bob@pbx.example", meetingId: "1000" }).catch(() => undefined);
  await settle();
  await dialling;
  return bench.port.sessions[0]!.done;
}

it("the first description of a 183 or 180 is the answer", async () => {
  expect(await called({ early: sdp() })).toEqual(["accept RTP/AVP"]);
  expect(bench.records).toEqual([]);
});

it("a description in the 200 goes before it", async () => {
  expect(await called({ early: sdp().replace("m=audio 4000", "m=audio 0"), sdp: sdp() })).toEqual(["accept RTP/AVP"]);
});

it.each([
  ["of another callee of a forked call", { early: sdp(), earlyTag: "other" }],
  ["none at all", {}],
])("%s is no answer", async (_, response) => {
  expect(await called(response)).toEqual(["close"]);
  expect(bench.records).toMatchObject([{ answeredAt: expect.any(String) }]);
});
