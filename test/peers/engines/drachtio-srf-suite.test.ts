import { expect, test } from "vitest";
import { describeWithPeers } from "../../support/peers.ts";
import { openServers } from "../../suites/drachtio-srf/servers.ts";
import { runSrfSuite, runSrfUnitTests } from "../../suites/drachtio-srf/suite.ts";

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

  // as the gateway has it; the two long files, which read nothing that these do not, are left to READER=crosspoint in the suite's cli.ts
  test("passes with the gateway's reader in the place of its parser", { timeout: 200_000 }, async () => {
    const servers = await openServers();
    try {
      const files = ["reinvite-tests", "uac", "proxy", "utils", "refer"] as const;
      const result = await runSrfSuite({ ...servers, files, reader: "crosspoint" });
      expect(result.files.filter((f) => f.fail > 0 || !f.complete)).toEqual([]);
      expect(result.pass).toBe(50);
      const unit = await runSrfUnitTests("crosspoint");
      expect(unit.fail).toBe(0);
      expect(unit.pass).toBeGreaterThanOrEqual(47);
    } finally {
      await servers.stop();
    }
  });
});
