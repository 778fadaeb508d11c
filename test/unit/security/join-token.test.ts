import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JoinTokens } from "../../../src/security/join-token.ts";

describe("join tokens", () => {
  let folder: string;
  let file: string;
  let now = 1_800_000_000_000;
  const open = (at = file) => new JoinTokens(at, () => now);
  const grant = (more: object = {}) => ({ meeting: "3000", name: "Ada Löve", role: "host" as const, expiresAt: now + 60_000, ...more });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "crosspoint-join-"));
    file = join(folder, "data", "join-tokens.json");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("say who may join what, until when, and are good after a restart", () => {
    const { token, id } = open().issue(grant());
    expect(open().verify(token)).toEqual({
      ticket: { id, meeting: "3000", name: "Ada Löve", role: "host", issuedAt: now, expiresAt: now + 60_000 },
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).not.toContain(token);
  });

  it("end at their expiry", () => {
    const tokens = open();
    const { token } = tokens.issue(grant());
    now += 59_999;
    expect(tokens.verify(token)).toHaveProperty("ticket");
    now += 1;
    expect(tokens.verify(token)).toEqual({ fault: "expired" });
  });

  it("are refused with any character of theirs changed, added or left out", () => {
    const tokens = open();
    const { token } = tokens.issue(grant());
    for (let i = 0; i < token.length; i++) {
      const other = token[i] === "A" ? "B" : "A";
      expect(tokens.verify(token.slice(0, i) + other + token.slice(i + 1)), String(i)).toEqual({ fault: "invalid" });
    }
    for (const changed of [
      `${token}=`,
      `${token}.`,
      ` ${token}`,
      token.slice(0, -1),
      token.toUpperCase(),
      "",
      "..",
      ".".repeat(5000),
      "x".repeat(5000),
    ])
      expect(tokens.verify(changed)).toEqual({ fault: "invalid" });
  });

  it("are refused with another algorithm, another purpose, or another gateway's key", () => {
    const tokens = open();
    const { token } = tokens.issue(grant());
    const [, claims, signature] = token.split(".");
    const key = Buffer.from((JSON.parse(readFileSync(file, "utf8")) as { key: string }).key, "base64url");
    expect(tokens.verify(`${part({ alg: "none", typ: "crosspoint-join+jwt" })}.${claims}.`)).toEqual({ fault: "invalid" });
    // signed with our own key, for another purpose
    for (const header of [part({ alg: "HS256", typ: "JWT" }), part({ typ: "crosspoint-join+jwt", alg: "HS256" })]) {
      const signed = createHmac("sha256", key).update(`${header}.${claims}`).digest("base64url");
      expect(tokens.verify(`${header}.${claims}.${signed}`)).toEqual({ fault: "invalid" });
      expect(tokens.verify(`${header}.${claims}.${signature}`)).toEqual({ fault: "invalid" });
    }
    expect(tokens.verify(open(join(folder, "other.json")).issue(grant()).token)).toEqual({ fault: "invalid" });
  });

  it("are revoked with their meeting, for its tokens only, over a restart, and new ones are good at once", () => {
    const tokens = open();
    const { token } = tokens.issue(grant());
    const other = tokens.issue(grant({ meeting: "1000" }));
    tokens.revoke("3000");
    const later = tokens.issue(grant());
    for (const one of [tokens, open()]) {
      expect(one.verify(token)).toEqual({ fault: "revoked" });
      expect(one.verify(other.token)).toHaveProperty("ticket");
      expect(one.verify(later.token)).toHaveProperty("ticket");
    }
  });

  it("are revoked all together by another key", () => {
    const tokens = open();
    const { token } = tokens.issue(grant());
    tokens.rollKey();
    for (const one of [tokens, open()]) expect(one.verify(token)).toEqual({ fault: "invalid" });
  });

  it("are not made under a key that cannot be read", () => {
    open();
    writeFileSync(file, '{"key":"short","revoked":{}}');
    expect(() => open()).toThrow();
  });
});
