import { scryptSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig, showMistake } from "../../../../src/app/config/load.ts";
import { gatewayConfig } from "../../../../src/app/gateway-config.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crosspoint-config-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Loads a text as crosspoint.yaml, TLS off unless the text says otherwise (it would need certificates). */
function load(text: string, more: { settings?: string[]; env?: Record<string, string>; listen?: string } = {}) {
  writeFileSync(join(folder, "crosspoint.yaml"), text);
  const settings = ["sip.tls=off", ...(more.settings ?? [])];
  return loadConfig({ file: "crosspoint.yaml", cwd: folder, env: more.env ?? {}, listen: more.listen, settings });
}
const mistakes = (text: string, more = {}): string[] => load(text, more).mistakes.map(showMistake);

const HASH_OF_1234 = scryptSync("1234", "0123456789abcdef", 32, { N: 1024, r: 1, p: 1 }).toString("base64");

describe("the demo configuration", () => {
  it("is right, and has the contract's meetings and numbers", () => {
    const { config, mistakes, warnings } = loadConfig({ env: {} });
    expect(mistakes).toEqual([]);
    expect(warnings).toEqual([]);
    expect(config!.demo).toBe(true);
    expect(config!.accessNumbers).toEqual(["meet", "+15550100"]);
    expect(config!.meetings.map((m) => [m.id, m.language, m.guestPin, m.hostPin, m.lobby, m.endToEndEncrypted, m.waitForHost])).toEqual([
      ["1000", "en", null, null, false, false, false],
      ["2000", "en", "1234", "98765", false, false, false],
      ["3000", "en", null, null, true, false, false],
      ["4000", "en", null, null, false, true, false],
      ["5000", "de", "1234", "98765", false, false, true],
    ]);
    expect(config!.unknownCallers).toMatchObject({ name: "unknown", trust: "unverified", srtp: "preferred", identity: {} });
    expect(config!.certificates.cert).toMatch(/certs\/demo\/server\.crt$/);
    expect(config!.media.ports).toEqual({ min: 20000, max: 29999 });
  });

  it("also runs on drachtio-server, and says what that cannot do", () => {
    const { config, warnings } = loadConfig({ env: {}, settings: ["engine.sip=drachtio", "engine.media=freeswitch"] });
    expect(config?.engine).toMatchObject({ sip: "drachtio", media: "freeswitch", drachtio: { host: "127.0.0.1", port: 9022 } });
    expect(warnings.map((w) => w.path)).toEqual(["trunks[0].identity.certificateNames"]);
  });
});

describe("numbers and words", () => {
  it("keeps digits as they were written", () => {
    const { config } = load("meetings:\n  - { id: 007, guestPin: 0042, aliases: [+49301234, 0800, 1e3] }\naccessNumbers: [+15550100]\n");
    expect(config!.meetings[0]).toMatchObject({ id: "007", name: "007", guestPin: "0042", aliases: ["+49301234", "0800", "1e3"] });
    expect(config!.accessNumbers).toEqual(["+15550100"]);
  });

  it("takes off, no and false for a listener and a switch", () => {
    const { config } = load("sip: { udp: off }\nh323: { signalling: false, ras: off }\nmeetings: [{ id: 1, lobby: yes, locked: off }]\n");
    expect(config!.sip.udp).toBeNull();
    expect(config!.h323).toMatchObject({ signalling: null, tls: null, ras: null });
    expect(config!.meetings[0]).toMatchObject({ lobby: true, locked: false });
  });
});

describe("mistakes", () => {
  it("come all together, each with file, line, column and path", () => {
    const text = [
      "listen: nowhere",
      "sip:",
      "  udp: 70000",
      "  tsl: 5061",
      "meetings:",
      "  - id: 1000",
      "    guestPin: abc",
      "  - name: without",
      "colour: red",
    ].join("\n");
    expect(mistakes(text)).toEqual([
      'crosspoint.yaml:1:9: listen: expected an IPv4 or IPv6 address, not "nowhere"',
      "crosspoint.yaml:3:8: sip.udp: expected a port (1 to 65535; 0 for any free one) or off",
      'crosspoint.yaml:4:3: sip.tsl: unknown key; did you mean "tls"?',
      "crosspoint.yaml:7:15: meetings[0].guestPin: expected 3 to 16 digits, or a hash scrypt$N$r$p$salt$hash",
      "crosspoint.yaml:8:5: meetings[1].id: is missing: expected letters, digits, . _ -, at most 64",
      expect.stringMatching(/^crosspoint\.yaml:9:1: colour: unknown key; the configuration has listen, data, /),
    ]);
  });

  it("never repeat a PIN, a token or a password", () => {
    const said = mistakes(
      "admin: { token: hunter2-0 }\nmeetings: [{ id: 1, guestPin: secretly }]\nengine: { drachtio: { secret: [s3cret] } }\n",
    ).join("\n");
    expect(said).toContain("admin.token");
    expect(said).toContain("meetings[0].guestPin");
    expect(said).not.toMatch(/hunter2|secretly|s3cret/);
  });

  it("of the YAML itself have their place", () => {
    expect(mistakes("sip:\n  udp: [1\n")[0]).toMatch(/^crosspoint\.yaml:\d+:\d+: /);
    expect(mistakes("sip: 1\nsip: 2\n")[0]).toMatch(/^crosspoint\.yaml:2:1: .*unique/i);
    expect(mistakes("- a\n")).toEqual(["crosspoint.yaml:1:1: expected a section with keys such as listen, sip, meetings"]);
  });

  it("say that a file is not there", () => {
    expect(loadConfig({ file: "none.yaml", cwd: folder, env: {} }).mistakes.map(showMistake)).toEqual(["none.yaml: there is no such file"]);
  });

  it.each([
    ["meetings: [{ id: 1 }, { id: 2, aliases: [1] }]", 'meetings[1].aliases[0]: "1" already is meeting 1'],
    ["meetings: [{ id: 1, guestPin: 1234, hostPin: 1234 }]", "meetings[0].hostPin: must differ from guestPin"],
    [
      "meetings: [{ id: 1, guestPin: 1234, hostPin: 'scrypt$1024$1$1$MDEyMzQ1Njc4OWFiY2RlZg==$HASH' }]".replace("HASH", HASH_OF_1234),
      "meetings[0].hostPin: must differ from guestPin",
    ],
    ["sip: { tcp: 8080 }", "web.port: TCP port 8080 is sip.tcp's already"],
    ["sip: { udp: 20010 }", "sip.udp: UDP port 20010 lies within media.ports"],
    ["trunks: [{ name: a, identity: {} }]", "trunks[0].identity: expected at least one of certificateNames"],
    ["trunks: [{ name: a, identity: { networks: [300.1.1.1/8] } }]", "trunks[0].identity.networks[0]: expected an address or a network"],
    [
      "trunks: [{ name: a, identity: { networks: [10.0.0.0/8] }, srtp: required, transports: [udp] }]",
      "trunks[0].srtp: SRTP keys are accepted over tls and wss only",
    ],
    [
      "trunks: [{ name: a, identity: { networks: [10.0.0.0/8] }, srtp: mandatory }]",
      'trunks[0].srtp: expected one of required, preferred, none, not "mandatory"',
    ],
    ["trunks: [{ name: a, identity: { certificateNames: [a.example] } }]", "trunks[0].identity: no CA is named"],
    ["media: { ports: 9-5 }", "media.ports: expected a range of ports such as 20000-29999"],
    ["certificates: { cert: a.crt, key: a.key }", "certificates.cert: "],
  ])("%s", (text, expected) => {
    const found = mistakes(`${text}\n`);
    expect(
      found.some((line) => line.includes(expected)),
      found.join("\n"),
    ).toBe(true);
  });

  it("tells that TLS needs a certificate", () => {
    writeFileSync(join(folder, "c.yaml"), "listen: 127.0.0.1\n");
    expect(loadConfig({ file: "c.yaml", cwd: folder, env: {} }).mistakes.map(showMistake)).toEqual([
      expect.stringMatching(/^c\.yaml:1:1: sip\.tls: SIP over TLS needs certificates\.cert/),
    ]);
  });
});

describe("environment, references and --set", () => {
  it("go before the file, the command line before both", () => {
    const env = { CROSSPOINT_DATA: "/srv/data", CROSSPOINT_ADMIN_TOKEN: "0123456789abcdef" };
    const { config } = load("data: here\nlisten: 127.0.0.1\n", {
      env,
      settings: ["web.port=18080", "media.ports=30000-30100"],
      listen: "127.0.0.2",
    });
    expect(config).toMatchObject({ data: "/srv/data", listen: "127.0.0.2", admin: { token: "0123456789abcdef" }, web: { port: 18080 } });
    expect(config!.media.ports).toEqual({ min: 30000, max: 30100 });
    expect(load("data: here\n").config!.data).toBe(join(folder, "here"));
  });

  it("reads {env} and {file}", () => {
    writeFileSync(join(folder, "pin"), "4711\n");
    const { config } = load("meetings: [{ id: 1, guestPin: {file: pin}, hostPin: {env: HOST_PIN} }]\n", { env: { HOST_PIN: "0815" } });
    expect(config!.meetings[0]).toMatchObject({ guestPin: "4711", hostPin: "0815" });
    expect(mistakes("admin:\n  token: { env: NOT_SET }\nengine: { drachtio: { secret: { file: none } } }\n")).toEqual([
      "crosspoint.yaml:2:10: admin.token: the environment variable NOT_SET is not set",
      "crosspoint.yaml:3:31: engine.drachtio.secret: none: there is no such file",
    ]);
  });

  it("names --set as the place of its own mistakes", () => {
    expect(mistakes("", { settings: ["web.prot=1", "nonsense", "sip.udp=high"] })).toEqual([
      '--set: expected key=value, for example web.port=18080, not "nonsense"',
      '--set: sip.udp: expected a port (1 to 65535; 0 for any free one) or off, not "high"',
      '--set: web.prot: unknown key; did you mean "port"?',
    ]);
  });

  it("sets keys inside lists", () => {
    const { config } = load("meetings: [{ id: 1 }]\n", { settings: ["meetings[0].lobby=true", "accessNumbers=[a, b]"] });
    expect(config!.meetings[0]!.lobby).toBe(true);
    expect(config!.accessNumbers).toEqual(["a", "b"]);
  });
});

describe("gatekeepers", () => {
  it("let in listed names only, outside the demo; a warning says who may register without a proof", () => {
    const paths = (text: string) =>
      load(text)
        .warnings.map(({ path }) => path)
        .filter((path) => path.startsWith("h323"));
    expect(gatewayConfig(load("listen: 127.0.0.1\n").config!).gatekeeper?.registration).toBe("listed");
    expect(gatewayConfig(loadConfig({ env: {} }).config!).gatekeeper?.registration).toBe("anybody");
    expect(paths("listen: 127.0.0.1\n")).toEqual([]);
    expect(paths("h323: { gatekeeper: { registration: anybody } }\n")).toEqual(["h323.gatekeeper.registration"]);
    expect(paths("h323: { gatekeeper: { endpoints: [{ alias: a, password: b }, { alias: c }] } }\n")).toEqual([
      "h323.gatekeeper.endpoints[1]",
    ]);
  });

  const upstreamOf = (text: string) => gatewayConfig(load(`h323: { upstream: ${text} }\n`).config!).upstream;
  it("are at the port of RAS, or of call signalling where that carries it, unless another is said", () => {
    expect(upstreamOf("{ gatekeeper: gk.example.net }")).toMatchObject({
      gatekeeper: { host: "gk.example.net", port: 1719 },
      traversal: "none",
    });
    expect(upstreamOf("{ gatekeeper: 192.0.2.1, traversal: h46018 }")?.gatekeeper.port).toBe(1719);
    expect(upstreamOf("{ gatekeeper: '[2001:db8::1]', traversal: h46017 }")?.gatekeeper).toEqual({ host: "2001:db8::1", port: 1720 });
    expect(upstreamOf("{ gatekeeper: '192.0.2.1:1721', traversal: h46017 }")?.gatekeeper.port).toBe(1721);
    const { config } = load("h323: { gatekeeper: { neighbours: [192.0.2.1, '192.0.2.2:1729'] } }\n");
    expect(gatewayConfig(config!).gatekeeper?.neighbours.map(({ port }) => port)).toEqual([1719, 1729]);
    expect(mistakes("h323: { upstream: { gatekeeper: gk, traversal: h46019 } }")[0]).toContain("expected one of none, h46018, h46017");
  });
});

describe("encryption over TCP", () => {
  const trunk = "trunks: [{ name: a, identity: { networks: [10.0.0.0/8] }, srtp: required, transports: [tcp] }]";
  it("is H.323's, not SIP's", () => {
    const found = load(trunk);
    expect(found.mistakes).toEqual([]);
    expect(found.warnings.map(showMistake)).toEqual([
      expect.stringContaining("trunks[0].srtp: SRTP keys are accepted over tls and wss only"),
    ]);
    expect(mistakes(`h323: { signalling: off }\n${trunk}`)[0]).toContain("every call is refused");
  });
});

describe("mistakes in keys and between them", () => {
  const twice = "meetings:\n  - { id: 1 }\n  - { id: 1 }\n";
  it("are told together", () => {
    expect(load(`sip: { upd: 5060 }\nmedia: { workers: many }\n${twice}`).mistakes.map(({ path }) => path)).toEqual([
      "sip.upd",
      "media.workers",
      "meetings[1].id",
    ]);
  });

  it("but nothing is told of what had to be left out", () => {
    expect(load("meetings:\n  - { id: 1, lobby: perhaps }\n  - { id: 1 }\n").mistakes.map(({ path }) => path)).toEqual([
      "meetings[0].lobby",
      "meetings[1].id",
    ]);
    expect(load("meetings:\n  - { name: nameless }\n  - { id: 1 }\n  - { id: 1 }\n").mistakes.map(({ path }) => path)).toEqual([
      "meetings[0].id",
    ]);
    expect(load("trunks:\n  - { name: a, identity: { networks: [nowhere] } }\n").mistakes.map(({ path }) => path)).toEqual([
      "trunks[0].identity.networks[0]",
    ]);
  });
});

describe("warnings", () => {
  it("tell what production servers do not do, or do in their own configuration", () => {
    const said = (...settings: string[]) =>
      loadConfig({ env: {}, settings: ["engine.sip=drachtio", "engine.media=freeswitch", ...settings] })
        .warnings.map(({ path }) => path)
        .slice(0, -1);
    expect(said("sip.udp=5070", "sip.wss=5443", "sip.handshakeSeconds=5", "sip.requestsPerSecond=0").toSorted()).toEqual([
      "sip.handshakeSeconds",
      "sip.requestsPerSecond",
      "sip.udp",
      "sip.wss",
    ]);
    expect(said("meetings[0].announcements=names", "engine.freeswitch.host=192.0.2.7")).toContain("meetings[0].announcements");
    expect(said("engine.freeswitch.host=192.0.2.7")).toContain("engine.freeswitch.prompts");
    expect(said()).toEqual([]);
  });

  it("tell of calls that ring for longer than FreeSWITCH waits", () => {
    const ringing = (...settings: string[]) => loadConfig({ env: {}, settings }).warnings.filter((w) => w.path === "sip.ringSeconds");
    expect(ringing("engine.media=freeswitch", "sip.ringSeconds=141")).toHaveLength(1);
    expect(ringing("engine.media=freeswitch", "sip.ringSeconds=140")).toEqual([]);
    expect(ringing("sip.ringSeconds=141")).toEqual([]);
  });

  it.each([
    ["unknownCallers: {}\n", ["unknownCallers.srtp"]],
    ["unknownCallers: { srtp: none }\n", ["unknownCallers.srtp"]],
    ["unknownCallers: { srtp: required }\n", []],
    ["unknownCallers: off\n", []],
    ["trunks: [{ name: a, identity: { networks: [10.0.0.0/8] }, media: { latch: any } }]\n", ["trunks[0].media.latch"]],
    ["trunks: [{ name: a, identity: { networks: [10.0.0.0/8] }, srtp: required, media: { latch: any } }]\n", []],
  ])("recommends SRTP where a stranger could hear a call: %j", (text, paths) => {
    expect(load(text).warnings.map((warning) => warning.path)).toEqual(paths);
  });

  it("tell what is exposed", () => {
    const { warnings } = load("listen: 0.0.0.0\nunknownCallers: {}\nengine: { sip: drachtio, drachtio: { host: 10.0.0.1 } }\n");
    expect(warnings.map((w) => w.path)).toEqual([
      "media.advertise",
      "web.tls",
      "unknownCallers",
      "unknownCallers.srtp",
      "engine.sip",
      "engine.drachtio.secret",
    ]);
  });
});
