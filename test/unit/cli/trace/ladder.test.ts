import { describe, expect, it } from "vitest";
import { Ladder } from "../../../../src/cli/trace/ladder.ts";
import { widthOf } from "../../../../src/cli/trace/text-width.ts";
import type { NumberedMessage } from "../../../../src/trace/index.ts";

let sequence = 0;
function message(leg: string, direction: "in" | "out", summary: string, more: Partial<NumberedMessage> = {}): NumberedMessage {
  const place = { transport: "udp", local: "192.0.2.1:5060", remote: `${leg}.example:5060` };
  return {
    sequence: ++sequence,
    leg: `sip:${leg}`,
    protocol: "sip",
    direction,
    ...place,
    at: sequence,
    summary,
    head: "",
    body: null,
    ...more,
  };
}
const ESL = { protocol: "esl", transport: "tcp" } as const;
const call = () => [
  message("a", "in", "INVITE SDP"),
  message("m", "out", "INVITE SDP"),
  message("m", "in", "200 OK (INVITE) SDP"),
  message("u", "out", "execute playback", ESL),
  message("a", "out", "200 OK (INVITE) SDP"),
];

describe("the ladder", () => {
  it("has a column for each leg, the gateway behind the first, and an arrow a message", () => {
    const lines = new Ladder({ width: 110, unicode: true }).add(call());
    const text = lines.map((line) => line.slice(13));
    expect(text[1]).toMatch(/^ +a\.example:5060 +crosspoint +m\.example:5060 +event socket$/);
    expect(text[2]).toMatch(/^ +sip\/udp +sip\/udp +media server$/);
    expect(text[3]).toMatch(/^ +│─+ INVITE SDP ─+▶│ +│ +│$/);
    expect(text[4]).toMatch(/^ +│ +│─+ INVITE SDP ─+▶│ +│$/);
    expect(text[5]).toMatch(/^ +│ +│◀─* 200 OK \(INVITE\) SDP ─*│ +│$/);
    expect(text[6]).toMatch(/^ +│ +│─+ execute playback ─+▶│$/);
    expect(text[7]).toMatch(/^ +│◀─* 200 OK \(INVITE\) SDP ─*│ +│ +│$/);
  });

  it("keeps its lines up, whatever is wide and whatever the width", () => {
    const messages = [...call(), message("a", "in", "MESSAGE 会議会議会議会議会議会議会議会議"), message("m", "in", "x".repeat(300))];
    for (const width of [1, 40, 79, 80, 132, 1_000]) {
      const rows = new Ladder({ width, unicode: true }).add(messages).slice(3);
      const ends = new Set(rows.map((row) => widthOf(row)));
      expect(ends.size).toBe(1);
      if (width >= 80) expect([...ends][0]).toBeLessThanOrEqual(width);
    }
  });

  it("is ASCII where the terminal has no more", () => {
    for (const line of new Ladder({ width: 80, unicode: false }).add([...call(), message("a", "in", "MESSAGE Zoë 会議")]))
      expect(line).toMatch(/^[ -~]*$/);
  });

  it("goes on where it was, and says who is new", () => {
    const ladder = new Ladder({ width: 100, unicode: true });
    expect(ladder.add([message("a", "in", "INVITE")])).toHaveLength(4);
    expect(ladder.add([message("a", "out", "100 Trying (INVITE)")])).toHaveLength(1);
    expect(ladder.add([message("m", "out", "INVITE")])).toHaveLength(4);
  });
});
