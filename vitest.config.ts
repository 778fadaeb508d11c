import { defineConfig } from "vitest/config";

// unit: pure or loopback-only tests, seconds in all. peers: real programs (SIPp, baresip, Asterisk, ...), one file at a time.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          passWithNoTests: true,
          include: ["test/unit/**/*.test.ts"],
          // Nothing takes so long, but a machine that others use too may be slow to begin.
          testTimeout: 40_000,
          hookTimeout: 40_000,
          pool: "forks",
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "peers",
          include: ["test/peers/**/*.test.ts"],
          // Real programs on a busy machine: a test that fails is tried again, and the report says so ("retry x1").
          retry: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // where a condition is waited for, a slow machine is given time
          expect: { poll: { timeout: 30_000 } },
          pool: "forks",
          fileParallelism: false,
          maxWorkers: 1,
        },
      },
    ],
  },
});
