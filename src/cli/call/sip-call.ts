import { setTimeout as timer } from "node:timers/promises";
import type { EndReason, Session } from "../../sip/index.ts";
import type { SipRequest, SipResponse } from "../../wire/sip/message.ts";
import { SipFlow } from "./flow.ts";
import { CallMedia } from "./media.ts";
import type { CallOptions, CallReport, Reached } from "./report.ts";
import { answerSeconds, delay, judge, judgeState, reachedBy, talk } from "./talk.ts";
import { clientTls, findTargets, parseTarget } from "./target.ts";

/** Places the call by SIP. Throws CallError where it cannot be tried. */
export async function placeBySip(text: string, options: CallOptions, report: CallReport): Promise<void> {
  const { text: uri, uri: parsed } = parseTarget(text);
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
  let unsent = false;
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
          // a status without a message is the stack's own word for silence, or for a way that is not there
          if (message) {
            report.status ??= status ?? null;
            report.reason = explain(message);
          } else if (status !== 408 && report.status === null) unsent = true;
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
    if (report.status === null) report.error = unsent ? `nothing could be sent to ${report.target}` : `nobody answered at ${report.target}`;
    else {
      report.state = "refused";
      report.error = `refused with ${report.status}${report.reason ? `: ${report.reason}` : ""}`;
    }
    return;
  }
  report.state = "answered";
  if (!report.error) await talk(media, options, report, ended.promise);
  if (report.ended === null) report.state = await askState(session, flow);
  judge(media, report, sent);
  judgeState(report, options.pin);
  if (report.ended === null) await hangUp(session, flow, report);
}

/** Asks the far end by OPTIONS in the dialog how far the call has come; a gateway of ours says so, others answer without a word of it. */
async function askState(session: Session, flow: SipFlow): Promise<Reached> {
  const done = Promise.withResolvers<string | undefined>();
  if (!session.request("OPTIONS", flow.now(), undefined, (response) => done.resolve(response?.get("crosspoint-state")))) return "answered";
  return reachedBy(await Promise.race([done.promise, delay(3000, undefined)]));
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
