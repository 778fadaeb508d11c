import { expect, test } from "vitest";
import { openServers } from "../../suites/drachtio-fsmrf/servers.ts";
import { runFsmrfSuite } from "../../suites/drachtio-fsmrf/suite.ts";

test("drachtio-fsmrf's own test suite passes completely: 117 assertions", { timeout: 330_000 }, async () => {
  const servers = await openServers();
  try {
    const result = await runFsmrfSuite(servers);
    expect(result.failed).toEqual([]);
    expect(result.complete, result.output).toBe(true);
    expect(result.pass).toBe(117);
  } finally {
    await servers.stop();
  }
});
