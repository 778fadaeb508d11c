import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadConfig, showMistake } from "../../../../src/app/config/load.ts";
import { updated } from "../../../../src/app/config/reference.ts";

const document = readFileSync(new URL("../../../../docs/operate/configuration.md", import.meta.url), "utf8");

it("docs/operate/configuration.md has every key as the schema has it", () => {
  expect(updated(document), "run: node src/app/config/reference.ts").toBe(document);
});

it("its example is right", () => {
  const yaml = [...document.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!).find((text) => text.includes("trunks:"))!;
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-docs-"));
  writeFileSync(join(folder, "example.yaml"), yaml);
  const env = { ADMIN_TOKEN: "0123456789abcdef", CARRIER_PASSWORD: "x", BOARD_GUEST_PIN: "1234", BOARD_HOST_PIN: "98765" };
  const { mistakes, warnings } = loadConfig({ file: "example.yaml", cwd: folder, env });
  rmSync(folder, { recursive: true });
  // The certificates are not here; everything else must be right.
  expect(mistakes.map(showMistake).filter((line) => !line.includes("there is no such file") && !line.includes("no CA is named"))).toEqual(
    [],
  );
  expect(warnings.map(showMistake)).toEqual([]);
});
