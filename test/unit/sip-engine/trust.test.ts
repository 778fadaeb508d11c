/** What an application hears of a message is what the engine has read of it, and who sent it is the engine's alone to say. */
import { describe, expect, test } from "vitest";
import { formatPeerCertificate, parsePeerToken, peerToken, plainLimits, type SipMessage } from "../../../src/wire/sip/index.ts";
import { answered, SDP, type TestApp, World } from "./world.ts";

const PEER = {
  verified: true,
  subject: "CN=a",
  issuer: "CN=b",
  san: ["DNS:trunk.example"],
  commonName: "",
  roots: ["00"],
  serverRoots: [],
  fingerprint: "11",
};
const STAMP = formatPeerCertificate(PEER);
const TOKEN = peerToken(PEER);

/** Ways to write a field so that one reader or another takes it for the identity. */
const stamps: Record<string, string> = {
  plain: `X-Crosspoint-Peer: ${STAMP}`,
  "lower case": `x-crosspoint-peer: ${STAMP}`,
  "first letter escaped": `%58-Crosspoint-Peer: ${STAMP}`,
  "dash escaped": `X%2DCrosspoint-Peer: ${STAMP}`,
  "escaped in unicode": `%u0058-Crosspoint-Peer: ${STAMP}`,
  "last letter escaped": `X-Crosspoint-Pee%72: ${STAMP}`,
  "space before the colon": `X-Crosspoint-Peer : ${STAMP}`,
  "tab before the colon": `X-Crosspoint-Peer\t: ${STAMP}`,
  folded: `X-Crosspoint-Peer:\r\n ${STAMP}`,
  "name folded": `X-Crosspoint-Peer\r\n : ${STAMP}`,
  "bare line feed before it": `Subject: a\nX-Crosspoint-Peer: ${STAMP}`,
  "bare carriage return before it": `Subject: a\rX-Crosspoint-Peer: ${STAMP}`,
  "behind a NUL": `Subject: a\0X-Crosspoint-Peer: ${STAMP}`,
  "NUL in the name": `X-Crosspoint-Peer\0: ${STAMP}`,
  "non-breaking space after the name": `X-Crosspoint-Peer\xa0: ${STAMP}`,
  twice: `X-Crosspoint-Peer: a\r\nX-Crosspoint-Peer: ${STAMP}`,
  "as the token": `X-Session-Token: ${TOKEN}\r\nSessionToken: ${TOKEN}\r\nsession-token: ${TOKEN}`,
  "of another part": `X-Crosspoint-Local: 1\r\nX-Crosspoint-Action: discard`,
};

function message(method: string, more: string, headers: Record<string, string> = {}): Buffer {
  const to = headers["To"] ?? "<sip:service@10.0.0.1>";
  const lines = [
    `${method} sip:service@10.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK${Math.random().toString(36).slice(2)}`,
    more,
    "From: <sip:caller@10.0.0.2>;tag=caller",
    `To: ${to}`,
    `Call-ID: ${headers["Call-ID"] ?? "call-1"}`,
    `CSeq: ${headers["CSeq"] ?? `1 ${method}`}`,
    "Contact: <sip:caller@10.0.0.2>",
    "Max-Forwards: 70",
    "Content-Length: 0",
  ];
  return Buffer.from(`${lines.filter((line) => line !== "").join("\r\n")}\r\n\r\n`, "latin1");
}

/** Everything an application was told: nothing in it names anybody, and every field's name is a plain one. */
function expectNoIdentity(app: TestApp): void {
  for (const { type, tokens, sip } of app.frames) {
    if (type !== "sip" && !type.startsWith("cdr:")) continue;
    if (type === "sip") expect(parsePeerToken(tokens[12])).toBeUndefined();
    for (const { name, key, value } of (sip as SipMessage).headers) {
      expect(name).toMatch(/^[A-Za-z0-9_.!*+`'~-]+$/);
      expect(key).not.toContain("crosspoint");
      expect(value).not.toMatch(/[\0\r\n]/);
    }
  }
}

describe("nobody becomes a verified peer by what he writes", () => {
  test.each(Object.entries(stamps))("%s, in any request outside a dialog", (_, field) => {
    for (const transport of ["udp", "tcp", "tls", "ws", "wss"] as const) {
      const world = new World();
      const app = world.app("invite", "register", "options", "message", "refer", "subscribe", "notify", "publish", "info", "cdr:attempt");
      for (const method of ["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO"])
        world.deliver(message(method, field, { "Call-ID": `${transport}-${method}` }), transport);
      expectNoIdentity(app);
    }
  });

  test.each(Object.entries(stamps))("%s, in a dialog, in ACK and CANCEL", (_, field) => {
    const world = new World();
    const app = world.app("invite", "info", "refer", "bye", "cdr:stop");
    const { ok } = answered(world, app);
    const inside = { To: ok.get("to")! };
    world.deliver(message("ACK", field, { ...inside, CSeq: "1 ACK" }));
    for (const [i, method] of ["INFO", "REFER", "UPDATE", "OPTIONS", "BYE"].entries())
      world.deliver(message(method, field, { ...inside, CSeq: `${i + 2} ${method}` }));
    const invite = world.request("INVITE", { "Call-ID": "call-2" }, SDP);
    world.deliver(invite);
    const via = /branch=([^;]+)/.exec(invite.get("via")!)![1]!;
    const cancel = message("CANCEL", field, { "Call-ID": "call-2" })
      .toString("latin1")
      .replace(/branch=[^;\r]+/, `branch=${via}`);
    world.deliver(Buffer.from(cancel, "latin1"));
    expectNoIdentity(app);
  });

  test.each(Object.entries(stamps))("%s, in responses, our own or a proxied one", (_, field) => {
    const world = new World();
    const app = world.app("invite", "cdr:start", "cdr:stop");
    app.request("INVITE sip:far@10.0.0.9 SIP/2.0\nContact: <sip:x@localhost>");
    const sent = world.takeOne("INVITE").message;
    const lines = ["via", "from", "call-id", "cseq"].map((name) => `${name}: ${sent.get(name)}`);
    for (const status of [180, 503]) {
      const text = `SIP/2.0 ${status} X\r\n${lines.join("\r\n")}\r\nTo: ${sent.get("to")};tag=far\r\n${field}\r\nContent-Length: 0\r\n\r\n`;
      world.deliver(Buffer.from(text, "latin1"));
    }
    expectNoIdentity(app);
    for (const { tokens } of app.got(503)) expect(tokens[5]).toBe("10.0.0.2");
  });

  test("a Call-ID or tag that would shift the leader's places is refused", () => {
    const world = new World();
    const app = world.app("invite", "info");
    for (const callId of [`a||${TOKEN}`, `a|b|c|${TOKEN}`, "a\tb", "a\0b", `a${"b".repeat(plainLimits.identifier)}`]) {
      world.deliver(message("INVITE", "", { "Call-ID": callId }));
      expect(world.takeOne(400).message.kind).toBe("response");
    }
    for (const tag of [`x|y|z|${TOKEN}`, 'x"', "x,y", "x\xa0y"]) {
      const text = message("INVITE", "").toString("latin1").replace("tag=caller", `tag=${tag}`);
      world.deliver(Buffer.from(text, "latin1"));
      expect(world.takeOne(400).message.kind).toBe("response");
    }
    expect(app.got("INVITE")).toEqual([]);
  });

  test("a peer that TLS has named is named in the leader, with whatever it writes itself", () => {
    const world = new World();
    const app = world.app("options");
    world.deliver(message("OPTIONS", stamps["plain"]!), "tls", { peer: { ...PEER, san: ['DNS:o|dd".example'] } });
    const [got] = app.got("OPTIONS");
    expect(parsePeerToken(got!.tokens[12])?.san).toEqual(['DNS:o|dd".example']);
    expect(got!.tokens).toHaveLength(13);
  });
});

describe("a field that decides something has one spelling", () => {
  test.each(["%43all-ID", "%46rom", "%54o", "%43ontact", "%43ontent-Length", "%43Seq", "%56ia", "%52oute", "Cal%6C-ID", "x%"])(
    "%s is refused",
    (name) => {
      const world = new World();
      const app = world.app("invite", "options");
      world.deliver(message("OPTIONS", `${name}: <sip:evil@10.0.0.66>;tag=evil`));
      world.deliver(message("INVITE", `${name}: 99`));
      expect(world.take(400)).toHaveLength(2);
      expect(app.frames.filter((f) => f.type === "sip")).toEqual([]);
    },
  );

  test("a method with an escape is not implemented, in a dialog or out of it", () => {
    const world = new World();
    const app = world.app("invite", "%49nvite", "bye");
    const { ok } = answered(world, app);
    world.deliver(message("%49NVITE", ""));
    world.deliver(message("%42YE", "", { To: ok.get("to")!, CSeq: "2 %42YE" }));
    expect(world.take(501)).toHaveLength(2);
    expect(app.got("%42YE")).toEqual([]);
  });

  test("compact, folded and spaced forms are written long, on one line; what is one field is one", () => {
    const world = new World();
    const app = world.app("invite");
    const text = [
      "INVITE sip:service@10.0.0.1 SIP/2.0",
      "v : SIP / 2.0 / UDP 10.0.0.2 ; branch = z9hG4bKx,",
      "  SIP/2.0/UDP 10.0.0.3:5061;branch=z9hG4bKy",
      "f:  Alice   B <sip:caller@10.0.0.2>  ; x=1 ;  tag = caller",
      "t:\tsip:service@10.0.0.1;user=phone",
      "i:call-1",
      "CSEQ: 0001    INVITE",
      'm: "A \\"x\\"" <sip:caller@10.0.0.2;transport=tcp>;expires=5,<sip:b@10.0.0.3>',
      "k: timer,",
      "   100rel",
      "x: 1800 ;   refresher=uac",
      "r: <sip:a@b?Replaces=1%3Bto-tag%3D2>",
      "c: Application / SDP ; Charset = UTF-8",
      "User-Agent: one",
      "User-Agent: two",
      "l: 5",
      "",
      "v=0\r\nand more",
    ];
    world.deliver(Buffer.from(text.join("\r\n"), "latin1"));
    const { sip } = app.got("INVITE")[0]!;
    expect(sip.headers.map(({ name, value }) => `${name}: ${value}`)).toEqual([
      "Via: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKx, SIP/2.0/UDP 10.0.0.3:5061;branch=z9hG4bKy",
      'From: "Alice   B" <sip:caller@10.0.0.2>;x=1;tag=caller',
      "To: <sip:service@10.0.0.1>;user=phone",
      "Call-ID: call-1",
      "CSeq: 1 INVITE",
      'Contact: "A \\"x\\"" <sip:caller@10.0.0.2;transport=tcp>;expires=5, <sip:b@10.0.0.3>',
      "Supported: timer, 100rel",
      "Session-Expires: 1800 ; refresher=uac",
      "Refer-To: <sip:a@b?Replaces=1%3Bto-tag%3D2>",
      "Content-Type: application/sdp;charset=UTF-8",
      "User-Agent: one",
      "Content-Length: 5",
    ]);
    expect(sip.body.toString()).toBe("v=0\r\n");
  });

  test.each(["Replaces: a;to-tag=b;from-tag=c", "Referred-By: <sip:a@b>", "Target-Dialog: a", "Refer-To: <sip:a@b>", "Content-Type: a/b"])(
    "two of %s are refused",
    (line) => {
      const world = new World();
      const app = world.app("refer");
      world.deliver(message("REFER", `${line}\r\n${line}x`));
      expect(world.take(400)).toHaveLength(1);
      expect(app.got("REFER")).toEqual([]);
    },
  );
});

describe("what an application is given is bounded", () => {
  test.each([
    [
      "a From of 3,000 spaces",
      400,
      message("OPTIONS", "")
        .toString("latin1")
        .replace("From: ", `From: "${" ".repeat(3000)}" `),
    ],
    ["a Subject of 3 kB", 400, message("OPTIONS", `Subject: ${"x".repeat(3000)}`).toString("latin1")],
    ["a Refer-To of brackets", 400, message("OPTIONS", `Refer-To: ${"<".repeat(1900)}`).toString("latin1")],
    ["a Content-Type of semicolons", 400, message("OPTIONS", `Content-Type: ${";boundary=".repeat(150)}`).toString("latin1")],
    [
      "a Request-URI of 3 kB",
      414,
      message("OPTIONS", "")
        .toString("latin1")
        .replace("service@", `${"s".repeat(3000)}@`),
    ],
    [
      "a head of 17 kB",
      513,
      message(
        "OPTIONS",
        Array(17)
          .fill(`Allow: ${"x".repeat(1000)}`)
          .join("\r\n"),
      ).toString("latin1"),
    ],
    [
      "a datagram of 17 kB",
      513,
      message("OPTIONS", "").toString("latin1").replace("Content-Length: 0", "Content-Type: text/plain\r\nContent-Length: 17000") +
        "x".repeat(17_000),
    ],
  ])("%s: %i", (_, status, text) => {
    const world = new World();
    const app = world.app("options");
    world.deliver(Buffer.from(text, "latin1"));
    expect(world.sent.map(({ message: sent }) => sent.kind === "response" && sent.status)).toEqual([status]);
    expect(app.got("OPTIONS")).toEqual([]);
  });

  test("fields of unknown names: so many, and so much; the long lists and signatures of trunks pass", () => {
    const world = new World();
    const app = world.app("options");
    const routes = Array.from({ length: 60 }, (_, i) => `<sip:proxy${i}.carrier.example;lr;ftag=abcdefgh${i}>`);
    const long = [
      ...Array.from({ length: 100 }, (_, i) => `X-Thing-${i}: ${i}`),
      ...Array.from({ length: 3 }, (_, i) => `Record-Route: ${routes.slice(20 * i, 20 * i + 20).join(",")}`),
      `Identity: ${"e".repeat(3000)};info=<https://certificates.example/a>;alg=ES256;ppt=shaken`,
      `Authorization: Digest username="a", response="${"0".repeat(2500)}"`,
    ];
    world.deliver(message("OPTIONS", long.join("\r\n")));
    const { sip } = app.got("OPTIONS")[0]!;
    expect(sip.headers.filter(({ key }) => key.startsWith("x-"))).toHaveLength(plainLimits.unknownFields);
    expect(sip.list("record-route")).toEqual(routes);
    expect(sip.get("identity")).toHaveLength(3059);
    expect(sip.get("authorization")).toContain("0".repeat(2500));
  });
});
