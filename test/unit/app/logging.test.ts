import { describe, expect, it } from "vitest";
import { createLogger } from "../../../src/app/logging.ts";

describe("the log", () => {
  it("masks a PIN in every text that quotes what was dialled: message, fields, errors", async () => {
    const lines: string[] = [];
    const log = await createLogger({ level: "info", format: "json" }, { write: (line: string) => void lines.push(line) });
    log.info({ reason: "not a request line: INVITE sip:2000** 98765@h", nested: { to: ["sip:2000*98765@h"] } }, "sip:2000%2A%2A98765@h");
    log.error({ err: new Error("sip:2000##98765@h is no URI") }, "failed: tel:2000;pin=98765");
    log.child({ call: "c" }).warn({ err: "2000**98765##" }, "a call");
    expect(lines).toHaveLength(3);
    expect(lines.join("")).not.toContain("98765");
    expect(lines[0]).toContain('"nested":{"to":["sip:2000*x@h"]}');
    expect(lines[1]).toContain("sip:2000##x@h is no URI");
  });
});
