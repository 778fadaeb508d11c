import { setTimeout as timer } from "node:timers/promises";
import type { EndReason, Session } from "../sip/index.ts";
import type { SipRequest, SipResponse } from "../wire/sip/message.ts";
import { SipFlow, type TlsReport } from "./call/flow.ts";
import { CallMedia, type MediaReport } from "./call/media.ts";
import { CallError, clientTls, findTargets, parseTarget, type TlsFiles } from "./call/target.ts";

/** What `crosspoint call` is told. */
export interface CallOptions extends TlsFiles {
  readonly pin?: string;
  readonly srtp?: string;
  readonly codec?: string;
  /** Length of the call once answered. */
  readonly seconds: number;
  readonly from?: string;
  readonly json?: boolean;
}

/** Milliseconds. Locating and connecting last so long; the others count from the INVITE. Null: it did not come to that. */
export interface Stages {
  locate: number | null;
  connect: number | null;
  tls: number | null;
  /** First provisional response. */
  progress: number | null;
  ringing: number | null;
  answered: number | null;
  firstPacket: number | null;
  /** First packet loud enough to be speech. */
  firstPrompt: number | null;
  /** BYE to its answer. */
  goodbye: number | null;
}

export interface CallReport {
  ok: boolean;
  readonly uri: string;
  /** `tls 192.0.2.1:5061`. */
  target: string | null;
  tls: TlsReport | null;
  readonly stages: Stages;
  /** Final status of the INVITE, with what the far end said to it. */
  status: number | null;
  reason: string | null;
  media: MediaReport | null;
  /** Whether the PIN could be sent; null where there was none. */
  pinSent: boolean | null;
  /** Who ended the call: `us`, `peer`, `connection-lost`, ... */
  ended: string | null;
  /** Why it is not ok. */
  error: string | null;
}

const answerSeconds = 40;
/** A pause that does not keep the process: what is waited for may come first, and the call's sockets are there as long as it is needed. */
const delay = <T = void>(ms: number, value?: T): Promise<T> => timer(ms, value, { ref: false }) as Promise<T>;

/** `crosspoint call URI`: exit code 1 when the call was not answered, brought no sound, or was ended by the far end. */
export async function call(uri: string, options: CallOptions): Promise<number> {
  const report = await placeCall(uri, options);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : inWords(report));
  return report.ok ? 0 : 1;
}

/** Places the call, holds it, hangs up. */
export async function placeCall(uri: string, options: CallOptions): Promise<CallReport> {
  const report: CallReport = {
    ok: false,
    uri,
    target: null,
    tls: null,
    stages: {
      locate: null,
      connect: null,
      tls: null,
      progress: null,
      ringing: null,
      answered: null,
      firstPacket: null,
      firstPrompt: null,
      goodbye: null,
    },
    status: null,
    reason: null,
    media: null,
    pinSent: null,
    ended: null,
    error: null,
  };
  try {
    await place(uri, options, report);
    report.ok = report.error === null;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    report.error = error.message;
  }
  return report;
}

async function place(text: string, options: CallOptions, report: CallReport): Promise<void> {
  const { text: uri, uri: parsed } = parseTarget(text);
  if (options.pin !== undefined && !/^[0-9]{1,32}$/.test(options.pin)) throw new CallError("--pin takes digits");
  const tls = clientTls(options, parsed);
  const { stages } = report;
  const begun = performance.now();
  const targets = await findTargets(parsed);
  stages.locate = performance.now() - begun;

  const flow = await firstThatConnects(targets, async (target) => {
    report.target = `${target.transport} ${target.address}:${target.port}`;
    return { target, flow: await SipFlow.open(target, tls) };
  });
  stages.connect = flow.flow.connectMs;
  stages.tls = flow.flow.tlsMs;
  report.tls = flow.flow.tls;
  const secureSignalling = flow.target.transport === "tls";
  try {
    const media = await CallMedia.open({
      localAddress: flow.flow.localAddress,
      srtp: options.srtp,
      secureSignalling,
      codec: options.codec,
    });
    try {
      await converse(flow.flow, uri, options, media, report);
    } finally {
      report.media = media.report();
      media.close();
    }
  } finally {
    // A moment for the goodbye's last packets.
    await timer(20);
    flow.flow.close();
  }
}

/** RFC 3263 section 4.3: the next target when one cannot be reached. */
async function firstThatConnects<T, R>(targets: readonly T[], open: (target: T) => Promise<R>): Promise<R> {
  let failure: unknown;
  for (const target of targets) {
    try {
      return await open(target);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function converse(flow: SipFlow, uri: string, options: CallOptions, media: CallMedia, report: CallReport): Promise<void> {
  const { stages } = report;
  const ended = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<boolean>();
  const sent = flow.now();
  const host = flow.localAddress.includes(":") ? `[${flow.localAddress}]` : flow.localAddress;
  const session: Session = flow.agent.invite(
    {
      uri,
      from: options.from ?? `sip:crosspoint-call@${host}`,
      body: media.offer,
      headers: { Allow: "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE" },
      target: { ...flow.target, connection: 1 },
      events: {
        onProvisional: (response, now) => {
          stages.progress ??= now - sent;
          if (response.status === 180 || response.status === 183) stages.ringing ??= now - sent;
        },
        onAnswered: (response, now) => {
          stages.answered = now - sent;
          report.status = response.status;
          try {
            media.start(response.body.toString());
          } catch (error) {
            report.error = (error as Error).message;
          }
          answered.resolve(true);
        },
        onOffer: (transaction, now) => {
          const body = media.answer(transaction.request.body.toString());
          session.answerTo(transaction, body === null ? 488 : 200, now, body === null ? {} : { body });
        },
        onEnded: (reason, _now, status, message) => {
          report.ended = whoEnded(reason);
          if (report.status === null) report.status = status ?? null;
          if (message) report.reason = explain(message);
          answered.resolve(false);
          ended.resolve();
        },
      },
    },
    flow.now(),
  );

  const patience = setTimeout(() => session.end(flow.now()), answerSeconds * 1000);
  const taken = await answered.promise;
  clearTimeout(patience);
  if (!taken) {
    report.error = report.status === null ? "nobody answered" : `refused with ${report.status}${report.reason ? `: ${report.reason}` : ""}`;
    return;
  }
  if (!report.error) await talk(media, options, report, ended.promise);
  stages.firstPacket = media.firstPacketAt === null ? null : media.firstPacketAt - sent;
  stages.firstPrompt = media.firstSoundAt === null ? null : media.firstSoundAt - sent;
  if (report.ended === null) await hangUp(session, flow, report);
  else report.error ??= `the far end ended the call before its time${report.reason ? `: ${report.reason}` : ""}`;
  if (media.firstPacketAt === null) report.error ??= "no audio came: look at firewalls, NAT and media.advertise";
}

/** Enters the PIN once the far end speaks, and stays for the time wished. */
async function talk(media: CallMedia, options: CallOptions, report: CallReport, ended: Promise<void>): Promise<void> {
  const until = performance.now() + options.seconds * 1000;
  const over = (): boolean => report.ended !== null || performance.now() >= until;
  if (options.pin !== undefined) {
    // A dialogue that says nothing is answered all the same, after three seconds.
    const impatient = performance.now() + 3000;
    while (!over() && media.firstSoundAt === null && performance.now() < impatient) await Promise.race([delay(20), ended]);
    report.pinSent = !over() && media.press(`${options.pin}#`);
    if (!report.pinSent && !over()) report.error = "the far end takes no telephone events: the PIN cannot be entered";
    while (!over() && !media.pressed) await Promise.race([delay(20), ended]);
  }
  if (!over()) await Promise.race([delay(Math.max(0, until - performance.now())), ended]);
}

async function hangUp(session: Session, flow: SipFlow, report: CallReport): Promise<void> {
  const sent = flow.now();
  report.ended = "us";
  // The goodbye by hand: its answer is measured.
  const done = Promise.withResolvers<void>();
  if (!session.request("BYE", sent, undefined, () => done.resolve())) return;
  const answered = await Promise.race([done.promise.then(() => true), delay(3000, false)]);
  if (answered) report.stages.goodbye = flow.now() - sent;
}

function whoEnded(reason: EndReason): string {
  if (reason === "bye-received") return "peer";
  return reason === "bye-sent" || reason === "cancelled" ? "us" : reason;
}

/** What the far end said to it: Warning and Reason say more than the status. */
function explain(message: SipRequest | SipResponse): string {
  const warning = message.get("warning")?.replace(/^\d{3}\s+\S+\s+"?|"$/g, "");
  const reason = /text="([^"]*)"/.exec(message.get("reason") ?? "")?.[1];
  const own = message.kind === "response" ? message.reason : "";
  return [...new Set([own, warning, reason])].filter(Boolean).join(", ");
}

function inWords(report: CallReport): string {
  const lines: string[] = [`${report.uri}${report.target ? `  (${report.target})` : ""}`];
  const { stages, tls, media } = report;
  const time = (name: string, value: number | null, more = ""): void => {
    if (value !== null) lines.push(`  ${name.padEnd(20)} ${value.toFixed(1).padStart(8)} ms${more && `  ${more}`}`);
  };
  time("located", stages.locate);
  time("connected", stages.connect);
  time(
    "TLS handshake",
    stages.tls,
    tls
      ? `${tls.protocol} ${tls.cipher}, server ${tls.server}${tls.untrusted ? " (not trusted)" : ""}${tls.clientCertificate ? ", with our certificate" : ""}`
      : "",
  );
  if (stages.progress !== null || stages.answered !== null) lines.push("  from the INVITE:");
  time("first response", stages.progress);
  time("ringing", stages.ringing);
  time("answered", stages.answered);
  time("first packet", stages.firstPacket);
  time("first prompt sample", stages.firstPrompt);
  time("goodbye answered", stages.goodbye);
  if (media) {
    lines.push(`  audio: ${media.codec}, ${media.srtp ?? "not encrypted"}, with ${media.remote ?? "nowhere"}`);
    lines.push(
      `  received ${media.packetsIn} packets, ${media.lossPercent} % lost, jitter ${media.jitterMs} ms; sent ${media.packetsOut}${media.remoteLossPercent === null ? "" : `, ${media.remoteLossPercent} % lost there`}`,
    );
    if (media.roundTripMs !== null) lines.push(`  round trip ${media.roundTripMs} ms`);
    if (media.refused > 0) lines.push(`  ${media.refused} packets were not authentic`);
  }
  if (report.pinSent !== null) lines.push(report.pinSent ? "  PIN entered" : "  PIN not entered");
  lines.push(report.ok ? "good" : `FAILED: ${report.error}`);
  return `${lines.join("\n")}\n`;
}
