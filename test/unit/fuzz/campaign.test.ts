import { join } from "node:path";
import { expect, test } from "vitest";
import { type CampaignOptions, runCampaign } from "../../fuzz/supervise.ts";

const planted = (only: string, more: Partial<CampaignOptions> = {}) =>
  runCampaign({
    seed: 3,
    inputs: 20_000,
    pumped: 60,
    only,
    table: join(import.meta.dirname, "../../fuzz/planted.ts"),
    ...more,
  });

test.each(["planted-expression", "planted-loop", "planted-search"])("%s does too much work on a pumped string", async (name) => {
  const { findings } = await planted(name);
  expect(findings).toMatchObject([{ reader: name, kind: "work" }]);
});

test("an exception other than a ProtocolError is a finding, which its block makes again", async () => {
  const { findings } = await planted("planted-exception", { pumped: 0 });
  expect(findings).toMatchObject([{ reader: "planted-exception", kind: "exception", message: expect.stringContaining("a quote") }]);
  const [first] = findings;
  const again = await planted("planted-exception", { pumped: 0, block: first!.block });
  expect(again.findings).toEqual(findings);
  expect(again.inputs).toBe(256);
});

test("a reader that does not come to an end is ended, with the input it was given", async () => {
  const { findings } = await planted("planted-hang", { pumped: 0, hangMs: 800 });
  expect(findings).toMatchObject([{ reader: "planted-hang", kind: "hang" }]);
  expect(Buffer.from(findings[0]!.input, "hex").toString("latin1")).toContain("\\");
});

test("a reader that keeps what it has read is found by the heap", async () => {
  const { findings } = await planted("planted-leak", { pumped: 0, inputs: 12_000 });
  expect(findings).toMatchObject([{ reader: "planted-leak", kind: "heap" }]);
});

test("a reader that is well has no finding", async () => {
  const { findings, inputs, pumped } = await planted("well");
  expect(findings).toEqual([]);
  expect(inputs).toBeGreaterThanOrEqual(20_000);
  expect(pumped).toBe(60);
});
