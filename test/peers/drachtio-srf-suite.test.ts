import { expect, test } from "vitest";
import { describeWithPeers } from "../support/peers.ts";
import { openServers } from "../suites/drachtio-srf/servers.ts";
import { runSrfSuite, runSrfUnitTests } from "../suites/drachtio-srf/suite.ts";

describeWithPeers("drachtio-srf's own test suite", ["sipp"], () => {
  test("passes completely: 77 assertions in 7 files, and its unit tests", { timeout: 400_000 }, async () => {
    const servers = await openServers();
    try {
      const result = await runSrfSuite(servers);
      const trouble = result.files.filter((f) => f.fail > 0 || !f.complete);
      expect(trouble).toEqual([]);
      expect(Object.fromEntries(result.files.map((f) => [f.file, f.pass]))).toEqual({
        b2b: 19,
        "reinvite-tests": 1,
        uac: 19,
        uas: 8,
        proxy: 2,
        utils: 27,
        refer: 1,
      });
      const unit = await runSrfUnitTests();
      expect(unit.fail).toBe(0);
      expect(unit.pass).toBeGreaterThanOrEqual(47);
    } finally {
      await servers.stop();
    }
  });
});
