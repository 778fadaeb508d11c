import { expect, test } from "vitest";
import { ParseError } from "../../../../src/base/errors.ts";
import { type Frame, parseMessage, StreamFramer } from "../../../../src/wire/sip/index.ts";

const one = "MESSAGE sip:a@b SIP/2.0\r\nl:5\r\n\r\nhello";
const two = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
const kinds = (frames: Frame[]) => frames.map((f) => (f.kind === "message" ? f.data.toString() : f.kind));

test("messages are cut by Content-Length wherever the stream is broken up", () => {
  const stream = Buffer.from(one + two + one);
  for (let size = 1; size < stream.length; size += 3) {
    const framer = new StreamFramer();
    const out: Frame[] = [];
    for (let i = 0; i < stream.length; i += size) out.push(...framer.push(stream.subarray(i, i + size)));
    expect(kinds(out)).toEqual([one, two, one]);
    expect(framer.pending).toBe(0);
  }
});

test("keepalives between messages", () => {
  expect(kinds(new StreamFramer().push(Buffer.from(`\r\n\r\n${one}\r\n${two}`)))).toEqual(["ping", one, "pong", two]);
});

test("without Content-Length a message ends at its empty line", () => {
  expect(kinds(new StreamFramer().push(Buffer.from(`BYE sip:a@b SIP/2.0\r\n\r\n${two}`)))).toEqual(["BYE sip:a@b SIP/2.0\r\n\r\n", two]);
});

test("64 KiB pass, more does not", () => {
  const head = "MESSAGE sip:a@b SIP/2.0\r\nContent-Length: ";
  const fits = 65536 - head.length - 9;
  const framer = new StreamFramer();
  const frames = framer.push(Buffer.from(`${head}${fits}\r\n\r\n${"x".repeat(fits)}`));
  expect(frames).toHaveLength(1);
  expect(parseMessage((frames[0] as { data: Buffer }).data).body.length).toBe(fits);
  expect(() => framer.push(Buffer.from(`${head}65536\r\n\r\n`))).toThrow(ParseError);
  expect(() => new StreamFramer().push(Buffer.alloc(65537, 0x41))).toThrow(ParseError);
});

test.each(["Content-Length: -1", "Content-Length: x", "Content-Length: 1\r\nl: 2"])("%j leaves nothing to go by", (line) => {
  expect(() => new StreamFramer().push(Buffer.from(`BYE sip:a@b SIP/2.0\r\n${line}\r\n\r\n`))).toThrow(ParseError);
});
