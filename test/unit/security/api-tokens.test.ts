import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiTokens } from "../../../src/security/api-tokens.ts";

const ADMIN = "the-admin-token-1234";

describe("API tokens", () => {
  let folder: string;
  let now = Date.parse("2026-01-01T00:00:00Z");
  const configured = [
    { name: "monitoring", token: "monitoring-token-1234", role: "viewer" as const },
    { name: "hashed", token: `sha256$${createHash("sha256").update("hashed-token-123456").digest("hex")}`, role: "operator" as const },
    { name: "temporary", token: "temporary-token-1234", role: "operator" as const, expires: "2026-02-01", meetings: ["3000"] },
  ];
  const open = () => new ApiTokens(join(folder, "api-tokens.json"), ADMIN, configured, () => now);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "crosspoint-tokens-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("are the admin token, those of the configuration in clear and hashed, and no others", () => {
    const tokens = open();
    expect(tokens.verify(ADMIN)).toMatchObject({ identity: { id: "admin", role: "operator", meetings: null } });
    expect(tokens.verify("monitoring-token-1234")).toMatchObject({ identity: { name: "monitoring", role: "viewer" } });
    expect(tokens.verify("hashed-token-123456")).toMatchObject({ identity: { name: "hashed" } });
    for (const wrong of ["", "monitoring", configured[1]!.token, `${ADMIN} `, ADMIN.toUpperCase(), "x".repeat(100_000)])
      expect(tokens.verify(wrong)).toEqual({ fault: "unknown" });
  });

  it("end at their expiry, also for who was let in before", () => {
    const tokens = open();
    const verdict = tokens.verify("temporary-token-1234");
    if (!("identity" in verdict)) throw new Error("not taken");
    expect(verdict.identity.meetings).toEqual(["3000"]);
    now = Date.parse("2026-02-01T00:00:00Z");
    expect(tokens.verify("temporary-token-1234")).toEqual({ fault: "expired" });
    expect(tokens.good(verdict.identity)).toBe(false);
  });

  it("are made, kept as hashes for the owner only, and removed", () => {
    const tokens = open();
    const made = tokens.make({ name: "console", role: "viewer", meetings: null, expiresAt: null })!;
    const file = join(folder, "api-tokens.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(made.token);
    expect(open().verify(made.token)).toMatchObject({ identity: { name: "console", source: "api" } });
    expect(JSON.stringify(tokens.list())).not.toContain(made.token);
    expect(tokens.remove(made.identity.id)).toBe("removed");
    expect(tokens.remove(made.identity.id)).toBe("unknown");
    expect(tokens.remove("admin")).toBe("of-configuration");
    expect(tokens.good(made.identity)).toBe(false);
    for (const one of [tokens, open()]) expect(one.verify(made.token)).toEqual({ fault: "unknown" });
  });

  it("of another configuration take the place of those before", () => {
    const tokens = open();
    const before = tokens.verify("monitoring-token-1234");
    tokens.configure(ADMIN, configured.slice(1));
    expect(tokens.verify("monitoring-token-1234")).toEqual({ fault: "unknown" });
    expect("identity" in before && tokens.good(before.identity)).toBe(false);
  });
});
