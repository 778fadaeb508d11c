import { globSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { createSrf } from "../../../../src/legs/sip/drachtio.ts";
import { getParser, parseChallenge, parseSipMessage, parseUri } from "../../../../src/legs/sip/srf-reader.ts";
import { checkRegExp } from "../../../../tools/regexps/check.ts";
import { findRegExps } from "../../../../tools/regexps/find.ts";
import { work } from "../../../support/work.ts";

interface SrfMessage {
  readonly method?: string;
  readonly uri?: string;
  readonly body?: string;
  readonly payload: readonly { type: string | null; content: string }[];
  readonly headers: Readonly<Record<string, string>>;
  readonly callingNumber: string;
  readonly callingName: string;
  readonly calledNumber: string;
  get(name: string): string | undefined;
  has(name: string): boolean;
  getParsedHeader(name: string): unknown;
}

const require = createRequire(import.meta.url);
createSrf();
const Message = require("drachtio-srf/lib/sip-parser/message.js") as new (text?: string) => SrfMessage;
const Digest = require("drachtio-srf/lib/digest-client.js") as { prototype: { _parseChallenge: unknown } };
const parser = require("drachtio-srf/lib/sip-parser/parser.js") as Record<string, unknown>;

function invite(...fields: string[]): string {
  return [
    "INVITE sip:2000@gw.example SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
    ...fields,
    "From: <sip:alice@a.example>;tag=1",
    "To: <sip:2000@gw.example>",
    "Call-ID: c",
    "CSeq: 1 INVITE",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

describe("drachtio-srf reads with our reader", () => {
  test("once an application was made", () => {
    expect(parser["parseSipMessage"]).toBe(parseSipMessage);
    expect(parser["getParser"]).toBe(getParser);
    expect(parser["parseUri"]).toBe(parseUri);
    expect(Digest.prototype._parseChallenge).toBe(parseChallenge);
    expect((require("drachtio-srf") as { parseUri: unknown }).parseUri).toBe(parseUri);
  });

  test("and nothing that backtracks is left of it outside of what is replaced", () => {
    const lib = join(dirname(require.resolve("drachtio-srf/package.json")), "lib");
    const slow: string[] = [];
    for (const file of globSync(join(lib, "**/*.js"))) {
      for (const { text, pattern } of findRegExps(file, readFileSync(file, "utf8"))) {
        if (pattern === undefined || !checkRegExp(pattern.source, pattern.flags).linear) slow.push(`${basename(file)} ${text}`);
      }
    }
    // all of the parser but what writes, which has none; both readers of numbers; the reader of challenges
    expect(slow.filter((one) => !one.startsWith("parser.js "))).toEqual([
      'digest-client.js /^\\s*?([a-zA-Z0-9]+)="?(.*?)"?\\s*?$/',
      "message.js /sips?:(.*?)@/",
      "message.js /sips?:(.*?)@/",
    ]);
  });
});

describe("a message as the network wrote it, with drachtio-server as engine", () => {
  test.each([
    ["an escaped name", "%58-Crosspoint-Peer: verified=1"],
    ["our own name", "X-Crosspoint-Peer: verified=1"],
    ["an escaped Call-ID", "%43all-ID: evil"],
    ["an escaped From", "%46rom: <sip:evil@e.example>;tag=evil"],
    ["an escaped Content-Length", "%43ontent-Length: 99"],
    ["a name with a NUL", "Call-ID\0: evil"],
    ["a name with a line feed", "X\nCall-ID: evil"],
    ["what would be a prototype", "__proto__: x"],
  ])("has no field of %s", (_, line) => {
    const message = new Message(invite(line));
    const plain = new Message(invite());
    expect({ ...message.headers }).toEqual({ ...plain.headers });
    expect(message.get("X-Crosspoint-Peer")).toBeUndefined();
  });

  test("keeps its method as written", () => {
    expect(new Message(invite().replace(/INVITE/g, "%49NVITE")).method).toBe("%49NVITE");
  });

  test("has fields named like what every object has", () => {
    const message = new Message(invite("constructor: a", "toString: b"));
    expect([message.get("constructor"), message.get("tostring")]).toEqual(["a", "b"]);
  });

  test("has what is one field once, and what are several joined", () => {
    const message = new Message(invite("f: <sip:a@b.example>;tag=first", "k: a", "Supported: b", "x: 90", "X-A: 1", "x-a: 2"));
    expect(message.get("From")).toBe("<sip:a@b.example>;tag=first");
    expect(message.get("Supported")).toBe("a,b");
    expect(message.get("Session-Expires")).toBe("90");
    expect(message.get("X-A")).toBe("1,2");
  });

  test("has addresses, routes, Via, CSeq and credentials in drachtio-srf's shapes", () => {
    const message = new Message(
      invite(
        'Contact: "A \\"b\\"" <sip:a@192.0.2.1;transport=tcp>;expires=5;q, <tel:+49>',
        "Route: <sip:p.example;lr>",
        'Authorization: Digest username="a, b", nc=1,Basic x="y"',
      ),
    );
    expect(message.getParsedHeader("Contact")).toEqual([
      { name: '"A \\"b\\""', uri: "sip:a@192.0.2.1;transport=tcp", params: { expires: "5", q: undefined } },
      { name: undefined, uri: "tel:+49", params: {} },
    ]);
    expect(message.getParsedHeader("route")).toMatchObject([{ uri: { scheme: "sip", host: "p.example", params: { lr: null } } }]);
    expect(message.getParsedHeader("via")).toEqual([
      { version: "2.0", protocol: "UDP", host: "192.0.2.1", port: undefined, params: { branch: "z9hG4bKa" } },
    ]);
    expect(message.getParsedHeader("cseq")).toEqual({ seq: 1, method: "INVITE" });
    expect(message.getParsedHeader("authorization")).toEqual([
      { scheme: "Digest", username: '"a, b"', nc: "1" },
      { scheme: "Basic", x: '"y"' },
    ]);
    expect(parseChallenge('Basic realm="b", DIGEST realm="a, b", nonce="n=",qop=auth')).toEqual({
      realm: "a, b",
      nonce: "n=",
      qop: "auth",
    });
  });

  test("has names and numbers", () => {
    const message = new Message(invite('P-Asserted-Identity: <tel:+49>, "Bob \\"B\\"" <sip:+4930;x=y@c.example;user=phone>'));
    expect([message.callingName, message.callingNumber, message.calledNumber]).toEqual(['Bob "B"', "+4930", "2000"]);
    expect(new Message(invite('P-Asserted-Identity: "x<sip:4711@c.example')).callingNumber).toBe("4711");
    const nobody = new Message();
    expect([nobody.callingName, nobody.callingNumber, nobody.calledNumber]).toEqual(["", "", ""]);
  });

  test("has a body as long as was counted, in bytes, and the parts of a multipart body", () => {
    const body = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0 ü\r\n--b\r\ncontent-type: a/b\r\n\r\nx\r\n--b--\r\n";
    const head = invite('Content-Type: multipart/mixed ; boundary="b"').replace(
      "Content-Length: 0",
      `Content-Length: ${Buffer.byteLength(body)}`,
    );
    const message = new Message(`${head}${body}and more`);
    expect(message.body).toBe(body);
    expect(message.payload).toEqual([
      { type: "application/sdp", content: "v=0 ü\r\n" },
      { type: "a/b", content: "x\r\n--b--\r\n" },
    ]);
  });
});

/** Texts that a backtracking reader takes the square or more of their length for; `n` is about their length. */
const pumped: Record<string, (n: number) => string> = {
  spaces: (n) => " ".repeat(n),
  "spaces between words": (n) => "a ".repeat(n / 2),
  "an address of spaces without an end": (n) => `"a" <sip:a@b${" ".repeat(n)}`,
  "words without a bracket": (n) => `${"a ".repeat(n / 2)};`,
  "a tag, a bracket and spaces": (n) => `<sip:a@b>;tag=x[${" ".repeat(n)}`,
  "opening brackets": (n) => "<".repeat(n),
  quotes: (n) => '"'.repeat(n),
  "escaped quotes": (n) => `"${'\\"'.repeat(n / 2)}`,
  "quotes in parameters": (n) => ';a="'.repeat(n / 4),
  semicolons: (n) => ";".repeat(n),
  "semicolons and equals": (n) => "; =".repeat(n / 3),
  commas: (n) => " , ".repeat(n / 3),
  "commas and equals": (n) => ",a=".repeat(n / 3),
  "schemes and schemes": (n) => "Digest ".repeat(n / 7),
  "equals signs": (n) => "=".repeat(n),
  boundaries: (n) => `multipart/${";boundary=".repeat(n / 10)}\n`,
  "a Via of slashes": (n) => `SIP / 2.0 / ${"x/".repeat(n / 2)}`,
  "a Via of spaces": (n) => `SIP/2.0/UDP${" ".repeat(n)}x${" ".repeat(n)};`,
  digits: (n) => "1".repeat(n),
  "a user without a host": (n) => `sip:${"a:".repeat(n / 2)}`,
  "a host of dots": (n) => `sip:a@${"a.".repeat(n / 2)}!`,
  "a URI of parameters": (n) => `sip:a@b${";a=b".repeat(n / 4)} `,
  "a URI of headers": (n) => `sip:a@b?${"a=b&".repeat(n / 4)}`,
  "schemes of URIs": (n) => "sip:".repeat(n / 4),
  "a telephone number": (n) => `tel:+${"1-".repeat(n / 2)};${"a=b;".repeat(n / 4)}`,
};
const names = [
  "from", "to", "contact", "route", "record-route", "path", "via", "cseq", "content-length", "authorization", "www-authenticate",
  "proxy-authenticate", "proxy-authorization", "authentication-info", "refer-to", "referred-by", "p-asserted-identity", "remote-party-id",
]; // biome-ignore format: a table

const SHORT = 4_000;
/** A text four times as long may cost little more than four times as much, and so many looks at each of its characters. */
function expectLinear(cost: (n: number) => number): void {
  const [short, long] = [cost(SHORT), cost(4 * SHORT)];
  expect(long).toBeLessThanOrEqual(4.6 * short + 2_000);
  expect(long).toBeLessThanOrEqual(60 * 4 * SHORT);
}

describe.each(Object.entries(pumped))("work grows with the text's length: %s", (_, pump) => {
  test.each(names)("in %s", (name) => {
    expectLinear((n) => {
      const s = pump(n);
      return work(() => getParser(name)({ s }));
    });
  });
  test("in a URI and in a challenge", () => {
    for (const read of [parseUri, parseChallenge]) {
      expectLinear((n) => {
        const text = pump(n);
        return work(() => read(text));
      });
    }
  });
  test("in any field of a message, or its start line, or its body", () => {
    const whole = (text: string, put: (text: string) => string) => {
      const raw = put(text);
      return work(() => {
        const message = new Message(raw);
        void [message.callingName, message.callingNumber, message.calledNumber];
        for (const name of names) if (message.get(name)) message.getParsedHeader(name);
      });
    };
    const places: ((text: string) => string)[] = [
      ...["From", "P-Asserted-Identity", "Content-Type", "Refer-To", "Via", "Subject"].map(
        (name) => (text: string) => invite(`${name}: ${text}`),
      ),
      (text) => invite(text),
      (text) => invite().replace("sip:2000", () => text),
      (text) =>
        invite("Content-Type: multipart/mixed;boundary=b").replace("Content-Length: 0", () => `Content-Length: ${text.length}`) + text,
    ];
    for (const put of places) expectLinear((n) => whole(pump(n), put));
  });
});

test("work is counted: a reader that is quadratic is seen to be", () => {
  const quadratic = (n: number) => {
    const text = "<".repeat(n);
    return work(() => {
      for (let i = 0; i < text.length; i++) text.indexOf(">", i);
    });
  };
  expect(() => expectLinear(quadratic)).toThrow();
});
