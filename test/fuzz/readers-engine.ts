import { FakeClock } from "../support/standing-clock.ts";
import { getParser, parseSipMessage } from "../../src/legs/sip/srf-reader.ts";
import { type AppHandle, EngineCore } from "../../src/sip-engine/core.ts";
import type { Source } from "../../src/sip/index.ts";
import { parseMessage, type SipMessage } from "../../src/wire/sip/index.ts";
import type { Reader } from "./reader.ts";
import { TIMEOUT } from "../../src/base/machine.ts";

/** Every so many inputs the clock goes on by more than any transaction is long. */
const LONG = 64;
const AGES = 70_000;
/** A core is given up after so many inputs, and must have forgotten every call by then. */
const LIFE = 128;

const SDP = "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/** Stands for the tag, branch or Call-ID that the engine has made: put in after the damage, where that has left it whole. */
const OWN_TAG = "OwnTag";
const OWN_BRANCH = "OwnBranch";
const OWN_CALL = "OwnCall";

function request(method: string, seq: number, { toTag = false, branch = `z9hG4bK-${method}-${seq}`, more = "", body = "" } = {}): string {
  return [
    `${method} sip:service@10.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/UDP 10.0.0.2;branch=${branch};rport`,
    "Max-Forwards: 70",
    "From: <sip:caller@10.0.0.2>;tag=caller",
    `To: <sip:service@10.0.0.1>${toTag ? `;tag=${OWN_TAG}` : ""}`,
    "Call-ID: call-1",
    `CSeq: ${seq} ${method}`,
    "Contact: <sip:caller@10.0.0.2>",
    ...(more === "" ? [] : [more]),
    ...(body === "" ? [] : ["Content-Type: application/sdp"]),
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

function response(status: number, method: string, more = "", body = ""): string {
  return [
    `SIP/2.0 ${status} Any`,
    `Via: SIP/2.0/UDP 10.0.0.1:5060;branch=${OWN_BRANCH}`,
    `From: <sip:me@10.0.0.1:5060>;tag=${OWN_TAG}`,
    `To: <sip:callee@10.0.0.2>${status > 100 ? ";tag=callee" : ""}`,
    `Call-ID: ${OWN_CALL}`,
    `CSeq: 1 ${method}`,
    ...(status < 300 ? ["Contact: <sip:callee@10.0.0.2:5070>"] : []),
    ...(more === "" ? [] : [more]),
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

const invite = request("INVITE", 1, { more: "Supported: 100rel, timer, replaces\r\nSession-Expires: 1800;refresher=uac", body: SDP });
const dialogs = [
  invite,
  request("ACK", 1, { toTag: true }),
  request("CANCEL", 1, { branch: "z9hG4bK-INVITE-1" }),
  request("PRACK", 2, { toTag: true, more: "RAck: 1 1 INVITE" }),
  request("INVITE", 3, { toTag: true, more: "Session-Expires: 90;refresher=uas\r\nMin-SE: 90", body: SDP }),
  request("ACK", 3, { toTag: true }),
  request("UPDATE", 4, { toTag: true, body: SDP }),
  request("INFO", 5, { toTag: true, more: "Content-Type: application/dtmf-relay" }),
  request("REFER", 6, { toTag: true, more: "Refer-To: <sip:b@10.0.0.3?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>" }),
  request("NOTIFY", 7, { toTag: true, more: "Event: refer\r\nSubscription-State: active;expires=60" }),
  request("BYE", 9, { toTag: true, more: 'Reason: Q.850;cause=16;text="done"' }),
  request("INVITE", 1, {
    branch: "z9hG4bK-other",
    more: `Replaces: call-1;to-tag=${OWN_TAG};from-tag=caller\r\nRequire: replaces`,
    body: SDP,
  }),
  request("OPTIONS", 1),
  request("REGISTER", 1, { more: "Expires: 60" }),
  request("SUBSCRIBE", 1, { more: "Event: presence\r\nRoute: <sip:10.0.0.1;lr>" }),
];
const calls = [
  response(100, "INVITE"),
  response(180, "INVITE", "Require: 100rel\r\nRSeq: 1"),
  response(183, "INVITE", "Content-Type: application/sdp", SDP),
  response(200, "INVITE", "Record-Route: <sip:10.0.0.9;lr>\r\nContent-Type: application/sdp", SDP),
  response(302, "INVITE", "Contact: <sip:other@10.0.0.4>;q=0.5, <sip:c@10.0.0.5>"),
  response(401, "INVITE", 'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth"'),
  response(503, "INVITE", "Retry-After: 10 (soon);duration=5"),
  response(200, "BYE"),
];

/** The network's side of a core and an application that answers whatever it is given. */
class Bench {
  readonly clock = new FakeClock();
  readonly core = new EngineCore({ secret: "secret", requestsPerSource: 1_000 }, this.clock);
  readonly #app: AppHandle;
  readonly #owed: string[] = [];
  #turn = 0;
  /** Of the latest message that the engine sent. */
  #own = { tag: "", branch: "", call: "" };

  constructor() {
    for (const [i, transport] of (["udp", "tcp"] as const).entries())
      this.core.layer.addListener({
        id: i + 1,
        transport,
        address: "10.0.0.1",
        port: 5060,
        advertisedHost: "10.0.0.1",
        advertisedPort: 5060,
      });
    this.#app = this.core.connect({ send: (content) => this.#told(content), close: () => undefined });
    this.#say("authenticate|secret|");
    for (const verb of ["invite", "info", "refer", "notify", "options", "register", "subscribe", "update"]) this.#say(`route|${verb}`);
  }

  #say(content: string): void {
    this.#app.receive(Buffer.from(`m${++this.#turn}|${content}`, "latin1"), this.clock.now());
  }

  #told(content: string): void {
    const [leader = ""] = content.split("\r\n", 1);
    const tokens = leader.split("|");
    if (tokens[1] !== "sip") return;
    const text = content.slice(leader.length + 2);
    const read = parseSipMessage(text, true);
    for (const [name, value] of Object.entries(read?.headers ?? {})) getParser(name.toLowerCase())({ s: String(value) });
    const message = parseMessage(Buffer.from(text, "latin1"));
    if (message.kind === "response") {
      if (message.status === 200 && message.cseq?.method === "INVITE")
        this.#owed.push(`sip||${tokens[9]}\r\nACK sip:callee@10.0.0.2 SIP/2.0\r\n\r\n`);
      return;
    }
    if (message.method === "ACK" || message.method === "CANCEL") return;
    const answer = (status: number, more = ""): string =>
      `sip|${tokens[8]}|\r\nSIP/2.0 ${status} X\r\nCSeq: ${message.get("cseq")}\r\n${more}\r\n${message.method === "INVITE" ? SDP : ""}`;
    if (message.method === "INVITE") this.#owed.push(answer(183, "Require: 100rel\r\n"));
    this.#owed.push(answer(200));
  }

  /** Sends what the engine and the application have to say. Throws an `Error` for a message of ours that is none. */
  settle(): void {
    for (let turns = 0; turns < 50; turns++) {
      for (const content of this.#owed.splice(0)) this.#say(content);
      const outputs = this.core.layer.drain();
      if (outputs.length === 0 && this.#owed.length === 0) return;
      for (const output of outputs) {
        if (output.kind === "lookup") this.core.layer.lookupDone(output.id, [], this.clock.now());
        else if (output.kind === "send") this.#sent(output.data);
      }
    }
  }

  #sent(data: Buffer): void {
    let message: SipMessage;
    try {
      message = parseMessage(data);
    } catch (error) {
      throw new Error(`sent what is no SIP message: ${(error as Error).message}: ${data.toString("latin1")}`);
    }
    const { callId, fromTag, toTag } = message;
    if (message.kind === "response") this.#own = { ...this.#own, tag: toTag };
    else this.#own = { tag: fromTag, branch: (message.get("via") ?? "").split("branch=")[1]?.split(";")[0] ?? "", call: callId };
  }

  place(): void {
    this.#say(`sip||\r\nINVITE sip:callee@10.0.0.2 SIP/2.0\r\nFrom: sip:me@localhost\r\n\r\n${SDP}`);
    this.settle();
  }

  hear(data: Buffer, transport: "udp" | "tcp"): void {
    const { tag, branch, call } = this.#own;
    const text = data.toString("latin1").replaceAll(OWN_TAG, tag).replaceAll(OWN_BRANCH, branch).replaceAll(OWN_CALL, call);
    const source: Source = {
      transport,
      address: "10.0.0.2",
      port: 5060,
      localAddress: "10.0.0.1",
      localPort: 5060,
      connection: transport === "udp" ? 0 : 5,
      listener: transport === "udp" ? 1 : 2,
    };
    this.core.layer.receive(Buffer.from(text, "latin1"), source, this.clock.now());
    this.settle();
  }

  pass(ms: number): void {
    const end = this.clock.now() + ms;
    for (let due = this.core.layer.nextTimeout(); due !== undefined && due <= end; due = this.core.layer.nextTimeout()) {
      this.clock.advance(Math.max(0, due - this.clock.now()));
      this.core.layer.handle(TIMEOUT, this.clock.now());
      this.settle();
    }
    this.clock.advance(end - this.clock.now());
  }
}

/** The engine's core with dialogs under way: `seeds` damaged, by UDP and TCP, after the good messages that lead to them. */
function coreReader(name: string, seeds: readonly string[], begin: (bench: Bench) => void): Reader {
  return {
    name,
    seeds: seeds.map((seed) => Buffer.from(seed, "latin1")),
    open() {
      let bench = new Bench();
      let inputs = 0;
      return (data) => {
        if (inputs % 8 === 0) begin(bench);
        bench.hear(data, inputs % 2 === 0 ? "udp" : "tcp");
        inputs++;
        bench.pass(inputs % LONG === 0 ? AGES : 20);
        if (inputs % LIFE === 0) bench = new Bench();
      };
    },
  };
}

/** Transactions, dialogs and applications' calls of the SIP engine. */
export const engineReaders: readonly Reader[] = [
  coreReader("sip-core-dialogs", dialogs, (bench) => bench.hear(Buffer.from(invite, "latin1"), "udp")),
  coreReader("sip-core-calls", calls, (bench) => bench.place()),
];
