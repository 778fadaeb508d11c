import { describe, expect, it } from "vitest";
import { checkPin, hashPin, isPin, isPinHash, parsePinHash, roleOfPin } from "../../../src/meetings/pin.ts";

describe("PIN hashes", () => {
  it("are salted, say their own cost, and do not hold the digits", async () => {
    const [a, b] = await Promise.all([hashPin("98765"), hashPin("98765")]);
    expect(a).not.toBe(b);
    expect(a).toMatch(/^scrypt\$8192\$8\$1\$/);
    expect(a).not.toContain("98765");
    expect(isPinHash(a)).toBe(true);
    expect(await checkPin("98765", a)).toBe(true);
    expect(await checkPin("98764", a)).toBe(false);
    expect(await checkPin("", a)).toBe(false);
  });

  it("of another cost are understood", async () => {
    const { scryptSync } = await import("node:crypto");
    const salt = Buffer.from("0123456789abcdef");
    const key = scryptSync("1234", salt, 32, { N: 1024, r: 4, p: 2 });
    expect(await checkPin("1234", `scrypt$1024$4$2$${salt.toString("base64")}$${key.toString("base64")}`)).toBe(true);
  });

  it.each([
    "1234",
    "scrypt$8192$8$1$AAAA",
    "scrypt$8191$8$1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "scrypt$4194304$8$1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "scrypt$1024$99$1$AAAAAAAAAAA=$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "scrypt$1024$8$1$A!A$BB",
  ])("that are none, or would stall us, match nothing: %s", async (hash) => {
    expect(parsePinHash(hash)).toBeUndefined();
    expect(await checkPin("1234", hash)).toBe(false);
  });

  it("refuse what is no PIN without repeating it", async () => {
    expect(isPin("12a")).toBe(false);
    await expect(hashPin("12a4")).rejects.toThrow(/^a PIN is 1 to 32 digits$/);
  });

  it("give the role", async () => {
    const meeting = { guestPin: await hashPin("1234"), hostPin: await hashPin("98765") };
    expect(await roleOfPin("1234", meeting)).toBe("guest");
    expect(await roleOfPin("98765", meeting)).toBe("host");
    expect(await roleOfPin("1", meeting)).toBeNull();
    expect(await roleOfPin("1234", { guestPin: null, hostPin: meeting.hostPin })).toBeNull();
  });
});
