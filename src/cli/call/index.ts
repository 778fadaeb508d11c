import { createSocket } from "node:dgram";
import { once } from "node:events";
import { openSipEndpoint, type SipEndpoint } from "../../io/sip-endpoint.ts";
import {
  type AudioAgreement,
  composeAudioOffer,
  emptySession,
  G722,
  OPUS,
  PCMA,
  PCMU,
  readAnswerCrypto,
  readAudioAnswer,
  SUITE_ORDER,
  telephoneEvent,
} from "../../negotiation/index.ts";
import { cryptoOf, findSuite, generateKeying, type SrtpKeying, type SrtpSuiteName } from "../../srtp/index.ts";
import { parseSdp, type SdpSession, writeSdp } from "../../wire/sdp/index.ts";
import type { SipRequest, SipResponse } from "../../wire/sip/message.ts";
import { type Uri, tryParseUri } from "../../wire/sip/uri.ts";
import { AudioLine } from "./audio-line.ts";
import type { CallOptions } from "./options.ts";
import { type ConnectionProbe, probeConnection } from "./probe.ts";
import type { CallReport } from "./report.ts";

export type { CallOptions } from "./options.ts";
export { type CallReport, formatReport } from "./report.ts";

/** Input that no call can be made of; the command line answers it with exit code 1. */
export class CallInputError extends Error {
  override name = "CallInputError";
}

const CAPABILITIES = [OPUS, G722, PCMU, PCMA, telephoneEvent(48_000), telephoneEvent(8000)];
const ANSWER_SECONDS = 60;
const PIN_AFTER_SOUND_MS = 1000;
/** Where nothing is heard the PIN is sent anyway: the peer may be silent and listening. */
const PIN_AFTER_ANSWER_MS = 4000;

interface OfferedKeys {
  readonly keyings: readonly { readonly tag: number; readonly suiteName: SrtpSuiteName; readonly keying: SrtpKeying }[];
}

/** Places the call, holds it, hangs up and reports. Throws CallInputError for a URI or suite no call can be made with. */
export async function runCall(options: CallOptions): Promise<CallReport> {
  const uri = readUri(options.uri);
  const secure = uri.scheme === "sips" || param(uri, "transport")?.toLowerCase() === "tls";
  const transport = secure ? "tls" : (param(uri, "transport")?.toLowerCase() ?? "udp");
  if (!secure && options.srtp !== undefined && options.srtp !== "none") {
    throw new CallInputError("SRTP keys are sent over TLS only: call sips: or add ;transport=tls");
  }
  const probe = await probeConnection({ uri, transport, options });
  if (probe.failure !== undefined) return unreachable(options, transport, probe);
  const host = await localAddressTowards(probe.address ?? uri.host);
  const line = await AudioLine.open(host);
  const endpoint = await openSipEndpoint({
    host,
    port: 0,
    product: "Crosspoint test call",
    onInvite: (session, now) => session.reject(now, 486),
    ...(secure ? { tls: { cert: options.cert ?? "", key: options.key ?? "", cas: options.cas } } : {}),
  });
  try {
    return await new TestCall(options, transport, probe, endpoint, line, host).run();
  } finally {
    line.close();
    await endpoint.close();
  }
}

function readUri(text: string): Uri {
  if (/^h323:/i.test(text)) throw new CallInputError("H.323 calls cannot be placed yet");
  const uri = tryParseUri(/^sips?:/i.test(text) ? text : `sip:${text}`);
  if (uri === undefined || !/^sips?$/.test(uri.scheme)) throw new CallInputError(`not a SIP URI: ${text}`);
  return uri;
}

function param(uri: Uri, name: string): string | undefined {
  return uri.params.get(name) ?? undefined;
}

function unreachable(options: CallOptions, transport: string, probe: ConnectionProbe): CallReport {
  return {
    uri: options.uri,
    outcome: "unreachable",
    reason: probe.failure ?? "no connection",
    sipStatus: null,
    warnings: [],
    transport,
    stages: {
      dns: probe.dns,
      connect: probe.connect,
      tls: probe.tls,
      ringing: null,
      answered: null,
      firstPacket: null,
      firstSound: null,
      pinSent: null,
    },
    tls: probe.session,
    srtp: null,
    codec: null,
    telephoneEvent: false,
    audio: null,
    seconds: 0,
  };
}

/** The address packets to `host` leave from. */
async function localAddressTowards(host: string): Promise<string> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.connect(9, host.replace(/^\[|\]$/g, ""));
    await once(socket, "connect");
    return socket.address().address;
  } finally {
    socket.close();
  }
}

/** One call from INVITE to report. */
class TestCall {
  readonly #options: CallOptions;
  readonly #transport: string;
  readonly #probe: ConnectionProbe;
  readonly #endpoint: SipEndpoint;
  readonly #line: AudioLine;
  readonly #host: string;
  #started = 0;
  #ringing: number | null = null;
  #answered: number | null = null;
  #status: number | null = null;
  #warnings: string[] = [];
  #agreement: AudioAgreement | undefined;
  #srtp: string | null = null;

  constructor(options: CallOptions, transport: string, probe: ConnectionProbe, endpoint: SipEndpoint, line: AudioLine, host: string) {
    this.#options = options;
    this.#transport = transport;
    this.#probe = probe;
    this.#endpoint = endpoint;
    this.#line = line;
    this.#host = host;
  }

  async run(): Promise<CallReport> {
    const { offer, keys } = this.#offer();
    const uri = /^sips?:/i.test(this.#options.uri) ? this.#options.uri : `sip:${this.#options.uri}`;
    let finish: (result: { outcome: CallReport["outcome"]; reason: string }) => void = () => {};
    const finished = new Promise<{ outcome: CallReport["outcome"]; reason: string }>((resolve) => {
      finish = resolve;
    });
    this.#started = performance.now();
    const session = this.#endpoint.invite({
      uri,
      from: `sip:test-call@${this.#host}`,
      body: writeSdp(offer),
      events: {
        onProvisional: (response) => {
          if (response.status >= 180) this.#ringing ??= this.#elapsed();
        },
        onAnswered: (response) => {
          this.#answered = this.#elapsed();
          this.#status = response.status;
          const problem = this.#startMedia(offer, keys, response);
          if (problem !== undefined) {
            finish({ outcome: "media-refused", reason: problem });
            session.end(this.#endpoint.now());
          }
        },
        onEnded: (reason, _now, status, message) => {
          this.#status = status ?? this.#status;
          this.#warnings = headersOf(message, ["warning", "reason"]);
          if (this.#answered === null)
            finish({ outcome: status === undefined ? "unreachable" : "refused", reason: reasonOf(reason, message) });
          else if (reason === "bye-sent") finish(this.#judge("held as asked, then hung up"));
          else finish(this.#judge(`the far end ended it (${reason})`));
        },
      },
    });
    const hangUp = () => session.end(this.#endpoint.now());
    const timers = [setTimeout(() => this.#answered === null && hangUp(), ANSWER_SECONDS * 1000)];
    const watch = setInterval(() => {
      if (this.#answered === null) return;
      this.#pressPin();
      if (this.#elapsed() - this.#answered >= this.#options.seconds * 1000) {
        clearInterval(watch);
        hangUp();
        // A peer that never answers BYE does not keep us.
        timers.push(setTimeout(() => finish(this.#judge("hung up; BYE was not answered")), 4000));
      }
    }, 50);
    this.#options.signal?.addEventListener("abort", hangUp, { once: true });
    const result = await finished;
    clearInterval(watch);
    for (const timer of timers) clearTimeout(timer);
    return this.#report(result.outcome, result.reason);
  }

  #elapsed(): number {
    return performance.now() - this.#started;
  }

  #offer(): { offer: SdpSession; keys: OfferedKeys } {
    const { srtp } = this.#options;
    const suites = srtp === "none" || this.#transport !== "tls" ? [] : srtp === undefined ? SUITE_ORDER : [srtp];
    const keyings = suites.map((suiteName, index) => {
      const suite = findSuite(suiteName);
      if (suite === undefined) throw new CallInputError(`unknown SRTP suite ${suiteName}; known: ${SUITE_ORDER.join(", ")}`);
      return { tag: index + 1, suiteName, keying: generateKeying(suite) };
    });
    const ipVersion = this.#host.includes(":") ? 6 : 4;
    const connection = { ipVersion, address: this.#host } as const;
    const media = composeAudioOffer({
      capabilities: CAPABILITIES,
      local: { connection, port: this.#line.port, rtcpMux: true, crypto: keyings.map(({ tag, keying }) => cryptoOf(keying, { tag })) },
    });
    const id = String(Date.now());
    return { offer: emptySession({ username: "-", sessionId: id, version: id, ...connection }, [media], connection), keys: { keyings } };
  }

  /** Starts audio as the answer says; in words why not. */
  #startMedia(offer: SdpSession, { keyings }: OfferedKeys, response: SipResponse): string | undefined {
    let answer: SdpSession;
    try {
      answer = parseSdp(response.body);
    } catch (error) {
      return `the answer is no session description: ${error instanceof Error ? error.message : String(error)}`;
    }
    const agreement = readAudioAnswer(offer, 0, answer, CAPABILITIES);
    if (agreement.kind !== "agreed") return agreement.text;
    const decision = readAnswerCrypto(answer.media[0]!, keyings, keyings.length > 0);
    if (decision.kind === "refuse") return decision.text;
    this.#agreement = agreement;
    if (decision.kind === "plain") {
      this.#line.start(agreement);
      return undefined;
    }
    const ours = keyings.find(({ tag }) => tag === decision.crypto.tag);
    if (ours === undefined) return "the answer's key has a tag that was not offered";
    this.#srtp = ours.suiteName;
    this.#line.start(agreement, { ours: ours.keying, theirs: decision.crypto.keying });
    return undefined;
  }

  #pinPressed = false;
  #pressPin(): void {
    const { pin } = this.#options;
    if (pin === undefined || this.#pinPressed || this.#answered === null) return;
    const heard = this.#line.stats.firstSoundAt;
    const due = heard === null ? this.#elapsed() - this.#answered > PIN_AFTER_ANSWER_MS : performance.now() - heard > PIN_AFTER_SOUND_MS;
    if (!due) return;
    this.#pinPressed = true;
    this.#line.press(`${pin}#`);
  }

  #judge(reason: string): { outcome: CallReport["outcome"]; reason: string } {
    if (this.#line.stats.packetsIn > 0) return { outcome: "answered", reason };
    return {
      outcome: "no-media",
      reason: `${reason}; no audio packet arrived${this.#line.stats.rejected > 0 ? " that authenticated" : ""}`,
    };
  }

  #report(outcome: CallReport["outcome"], reason: string): CallReport {
    const held = this.#answered === null ? 0 : (this.#elapsed() - this.#answered) / 1000;
    this.#line.stop();
    const { stats } = this.#line;
    const since = (at: number | null) => (at === null ? null : at - this.#started);
    return {
      uri: this.#options.uri,
      outcome,
      reason,
      sipStatus: this.#status,
      warnings: this.#warnings,
      transport: this.#transport,
      stages: {
        dns: this.#probe.dns,
        connect: this.#probe.connect,
        tls: this.#probe.tls,
        ringing: this.#ringing,
        answered: this.#answered,
        firstPacket: since(stats.firstPacketAt),
        firstSound: since(stats.firstSoundAt),
        pinSent: since(stats.pinSentAt),
      },
      tls: this.#probe.session,
      srtp: this.#srtp,
      codec: this.#agreement?.codecs[0]?.capability.codec ?? null,
      telephoneEvent: (this.#agreement?.telephoneEvents.length ?? 0) > 0,
      audio:
        this.#agreement === undefined
          ? null
          : {
              packetsIn: stats.packetsIn,
              packetsOut: stats.packetsOut,
              lossPercent: stats.lossPercent,
              jitterMs: stats.jitterMs,
              remoteLossPercent: stats.remoteLossPercent,
              rejected: stats.rejected,
              peakDb: stats.peakDb,
            },
      seconds: held,
    };
  }
}

function headersOf(message: SipRequest | SipResponse | undefined, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const value = message?.get(name);
    return value === undefined ? [] : [`${name}: ${value}`];
  });
}

function reasonOf(reason: string, message: SipRequest | SipResponse | undefined): string {
  return message !== undefined && "status" in message ? `${message.status} ${message.reason}` : reason;
}
