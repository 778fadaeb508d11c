import { describe, expect, it } from "vitest";
import { ParseError } from "../../../../src/base/errors.ts";
import {
  EslCommandReader,
  EslEvent,
  EslMessageReader,
  apiResponse,
  commandReply,
  decodeValue,
  encodeValue,
  eventFrame,
  eventNameOf,
} from "../../../../src/wire/esl/index.ts";

const bytes = (text: string) => Buffer.from(text);

/** Deterministic numbers below n (mulberry32). */
function seeded(seed: number): (n: number) => number {
  let s = seed;
  return (n) => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

describe("event socket commands", () => {
  const sendmsg = "sendmsg 1-2-3\nexecute-app-name: playback\nexecute-app-arg: /a/b: c.wav\ncall-command: execute\nEvent-UUID: e\n\n";

  it("reads a command with headers whose values hold colons", () => {
    const [command] = new EslCommandReader().push(bytes(sendmsg));
    expect(command).toMatchObject({ verb: "sendmsg", args: "1-2-3" });
    expect(command?.headers.get("execute-app-arg")).toBe("/a/b: c.wav");
    expect(command?.headers.get("event-uuid")).toBe("e");
  });

  it("reads the same from one byte at a time, CRLF, and several in one chunk", () => {
    const text = `api status\r\n\r\n${sendmsg}bgapi uptime\nJob-UUID: j\n\n`;
    const whole = new EslCommandReader().push(bytes(text));
    const reader = new EslCommandReader();
    const single = [...bytes(text)].flatMap((byte) => reader.push(Uint8Array.of(byte)));
    expect(whole.map((c) => c.line)).toEqual(["api status", "sendmsg 1-2-3", "bgapi uptime"]);
    expect(single).toEqual(whole);
  });

  it("reads a body by Content-Length, blank lines inside included", () => {
    const [event, exit] = new EslCommandReader().push(bytes("sendevent CUSTOM\nContent-Length: 6\n\na\n\nbc\nexit\n\n"));
    expect(event?.body).toBe("a\n\nbc\n");
    expect(exit?.verb).toBe("exit");
  });

  it("refuses endless headers and bodies", () => {
    const limits = { headerBytes: 100, bodyBytes: 100 };
    expect(() => new EslCommandReader(limits).push(bytes("x".repeat(101)))).toThrow(ParseError);
    expect(() => new EslCommandReader(limits).push(bytes("api x\nContent-Length: 101\n\n"))).toThrow(ParseError);
    expect(() => new EslCommandReader(limits).push(bytes("api x\nContent-Length: -1\n\n"))).toThrow(ParseError);
  });

  it("stands 10,000 mutations: commands or ParseError, nothing else", () => {
    const random = seeded(7);
    const seeds = [sendmsg, "api uuid_dump x\n\n", "event json ALL\n\n", "sendevent X\nContent-Length: 3\n\nabc"].map(bytes);
    let parsed = 0;
    for (let i = 0; i < 10_000; i++) {
      const input = Buffer.from(seeds[random(seeds.length)] ?? "");
      for (let n = random(4); n >= 0; n--) input[random(input.length)] = random(256);
      try {
        parsed += new EslCommandReader().push(input.subarray(0, input.length - random(3))).length;
      } catch (error) {
        expect(error).toBeInstanceOf(ParseError);
      }
    }
    expect(parsed).toBeGreaterThan(1000);
  });
});

describe("event socket messages", () => {
  it("encodes values so that lines stay lines, and decodes what is not well encoded", () => {
    expect(encodeValue("v=0\r\no=ä x")).toBe("v%3D0%0D%0Ao%3D%C3%A4%20x");
    expect(decodeValue(encodeValue("a%b c/ü€😀"))).toBe("a%b c/ü€😀");
    expect(decodeValue("50% off")).toBe("50% off");
    expect(decodeValue("%zz%C3")).toBe("%zz\ufffd");
  });

  it.each(["plain", "json"] as const)("writes an event as %s that a client reads back", (format) => {
    const event = new EslEvent([
      ["Event-Name", "CUSTOM"],
      ["Event-Subclass", "conference::maintenance"],
      ["variable_sdp", "v=0\r\nm=audio 1 RTP/AVP 0\r\n"],
    ]);
    event.body = "zwölf\n\nBytes";
    const [message] = new EslMessageReader().push(bytes(eventFrame(event, format)));
    expect(message?.contentType).toBe(`text/event-${format}`);
    expect(message?.event?.body).toBe(event.body);
    expect(message?.event?.get("variable_sdp")).toBe(event.get("variable_sdp"));
    expect(message?.event?.subclass).toBe("conference::maintenance");
  });

  it("writes XML with the markup escaped", () => {
    const event = new EslEvent([["Event-Name", "API"]]);
    event.body = "<a>&</a>";
    expect(event.toXml()).toContain("<body>&lt;a&gt;&amp;&lt;/a&gt;</body>");
  });

  it("keeps replies on one line and answers an empty api result", () => {
    expect(commandReply("+OK a\nX-Evil: 1")).toBe("Content-Type: command/reply\nReply-Text: +OK a X-Evil: 1\n\n");
    expect(apiResponse("")).toContain("-ERR no reply");
    expect(apiResponse("ü")).toBe("Content-Type: api/response\nContent-Length: 2\n\nü");
  });

  it("knows FreeSWITCH's event names and the long form of them", () => {
    expect(eventNameOf("SWITCH_EVENT_PLAYBACK_START")).toBe("PLAYBACK_START");
    expect(eventNameOf("dtmf")).toBe("DTMF");
    expect(eventNameOf("conference::maintenance")).toBeUndefined();
  });
});
