// No outcome is read out of a message of ours: who needs to know why something failed takes its code. A change of wording changes words alone.
import { globSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** Words of others, which have no code: drachtio-fsmrf's, zod's, the log lines of the WebRTC library. */
const OTHERS = ["src/media-client/media-client.ts", "src/app/config/mistakes.ts", "src/webrtc/suite-log.ts"];

const MATCHES = [
  /\.(?:test|exec)\((?:\w+\??\.)*(?:message|reason|words)\)/,
  /\.(?:test|exec)\(String\((?:error|reason|cause)\)\)/,
  /\.(?:message|words)\.(?:startsWith|endsWith|includes|match|search|indexOf)\(/,
  /\.message [!=]==? ["'`]/,
];

const matched = (text: string) =>
  text.split("\n").flatMap((line, i) => (MATCHES.some((form) => form.test(line)) ? [`${i + 1}: ${line.trim()}`] : []));

it("finds a text that is compared", () => {
  const lines = [
    "const fatal = !/expired/.test(problem.message);",
    'if (problem.message.startsWith("the chain ends at")) return;',
    "const gone = UNKNOWN.test(String(error));",
    'if (error.message === "gone") return;',
    "log.warn({ error: error.message });",
  ];
  expect(matched(lines.join("\n"))).toHaveLength(4);
});

it("finds none in src", () => {
  const found = globSync("src/**/*.ts")
    .filter((file) => !OTHERS.includes(file))
    .flatMap((file) => matched(readFileSync(file, "utf8")).map((line) => `${file}:${line}`));
  expect(found).toEqual([]);
});
