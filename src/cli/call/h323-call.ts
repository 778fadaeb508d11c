import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { setTimeout as timer } from "node:timers/promises";
import { rootCertificates } from "node:tls";
import { readStanding } from "../../legs/h323/standing.ts";
import { H323Leg, NoH323Codec } from "../../legs/h323/h323-leg.ts";
import { aliasOf, parseH323Uri, SIGNALLING_PORT } from "../../h323/index.ts";
import { type H323Session, openH323Endpoint, type TlsSettings } from "../../io/index.ts";
import { CallMedia } from "./media.ts";
import type { CallOptions, CallReport, Reached } from "./report.ts";
import { answerSeconds, judge, judgeState, reachedBy, talk } from "./talk.ts";
import { CallError, clientTls } from "./target.ts";

/** Whom an H.323 URL names: `h323:user@host:port`, with `;transport=tls` over TLS. There is nobody to ask for an alias: what stands alone is a host. */
export function parseH323(text: string): {
  readonly user: string;
  readonly host: string;
  readonly port: number;
  readonly transport: "tcp" | "tls";
} {
  const { user = "", host, port, transport = "tcp" } = parseH323Uri(text) ?? {};
  const called = host ?? user;
  if (called === "") throw new CallError(`"${text}" is no H.323 address, such as h323:1000@127.0.0.1`);
  return { user: host === undefined ? "" : user, host: called, port: port ?? SIGNALLING_PORT[transport], transport };
}

/** What our end of TLS has: the certificate and CA of the command line, or the system's roots. */
function tlsSettings(options: CallOptions, host: string): TlsSettings {
  const { cert = "", key = "", ca, insecure } = clientTls(options, { host });
  return { cert, key, cas: ca === undefined ? [...rootCertificates] : [ca], verifyServers: !insecure };
}

/** Places the call by H.323: connects, Setup with fast connect and tunnelling, PIN by telephone events or H.245. Throws CallError where it cannot be tried. */
export async function placeByH323(text: string, options: CallOptions, report: CallReport): Promise<void> {
  const { user, host, port, transport } = parseH323(text);
  if (options.srtp !== undefined && options.srtp !== "none")
    throw new CallError("SRTP is not negotiated by H.323 (H.235.8): leave --srtp out");
  const { stages } = report;
  const begun = performance.now();
  const address = isIP(host)
    ? host
    : await lookup(host).then(
        (found) => found.address,
        () => null,
      );
  if (address === null) throw new CallError(`no address found for ${host}`);
  stages.locate = performance.now() - begun;
  report.target = `h323${transport === "tls" ? " tls" : ""} ${address}:${port}`;

  const localAddress = await addressTowards(address);
  const media = await CallMedia.open({ localAddress, srtp: "none", secureSignalling: false, codec: options.codec });
  const endpoint = await openH323Endpoint({
    host: localAddress,
    port: 0,
    identity: { aliases: [{ "h323-ID": "crosspoint-call" }], displayName: "Crosspoint test call", product: "Crosspoint", version: "1" },
    capabilities: { audio: [], telephoneEvent: undefined, userInput: ["alphanumeric", "signal"] },
    onSession: (session) => session.act((machine) => machine.release(21, "takes no calls")),
    ...(transport === "tls" ? { tls: { port: null, settings: tlsSettings(options, host) } } : {}),
  });
  try {
    await converse(media, options, report, (prepare) => {
      const aliases = user === "" ? [] : [aliasOf(user)];
      return endpoint.call({ host: address, port }, { aliases }, { prepare, ...(transport === "tls" ? { tls: {} } : {}) });
    });
  } finally {
    report.media = media.report();
    media.close();
    // A moment for the release to be written.
    await timer(20);
    await endpoint.close();
  }
}

async function converse(
  media: CallMedia,
  options: CallOptions,
  report: CallReport,
  connect: (prepare: (session: H323Session) => void) => Promise<H323Session>,
): Promise<void> {
  const { stages } = report;
  const ended = Promise.withResolvers<void>();
  const begun = performance.now();
  let sent = begun;
  let answer: Promise<string> = Promise.reject(new Error("not placed"));
  answer.catch(() => {});
  let leg: H323Leg | undefined;
  const prepare = (session: H323Session): void => {
    sent = performance.now();
    stages.connect = sent - begun;
    const { callIdentifier: callId } = session.machine;
    const here = { from: "h323:crosspoint-call", displayName: "", userAgent: undefined };
    leg = new H323Leg(session, {
      callId,
      protocol: "h323",
      direction: "out",
      transport: session.transport,
      address: report.target!,
      to: report.uri,
      ...here,
    });
    leg.on("ended", ({ by, code, q850, message }) => {
      report.ended = by === "callee" && code !== "no-answer" ? "peer" : code === "connection-lost" ? code : "us";
      report.cause = q850;
      report.reason = message;
      ended.resolve();
    });
    // A stream that moves or is held, as an offer of the far end's.
    leg.on("change", (change) => {
      const described = change.offer === null ? media.offer : media.answer(change.offer);
      if (described === null) change.reject(79, "no codec in common");
      else void change.accept(described);
    });
    leg.prepare(media.offer);
    answer = leg.placed(() => (stages.ringing ??= performance.now() - sent));
    answer.catch(() => {});
  };
  let session: H323Session;
  try {
    session = await connect(prepare);
  } catch (error) {
    if (error instanceof NoH323Codec) throw new CallError("H.323 has no such codec: G722, PCMU or PCMA");
    throw new CallError(
      `${report.target} does not take the connection: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`,
    );
  }
  const patience = setTimeout(() => void leg!.end(102, "nobody answered"), answerSeconds * 1000);
  const description = await answer.catch(() => null);
  clearTimeout(patience);
  if (description === null) {
    if (report.cause !== null) report.state = "refused";
    report.error = `refused with cause ${report.cause ?? "unknown"}${report.reason ? `: ${report.reason}` : ""}`;
    return;
  }
  stages.answered = performance.now() - sent;
  report.state = "answered";
  media.start(description);
  await talk(media, options, report, ended.promise, (keys) => {
    if (!media.press(keys)) session.act((machine, now) => void machine.sendDigits(keys, now));
    return true;
  });
  if (report.ended === null) report.state = await askState(session);
  judge(media, report, sent);
  judgeState(report, options.pin);
  if (report.ended === null) {
    report.ended = "us";
    await leg!.end(16, "the test call is over");
  }
}

/** Asks the far end by StatusInquiry (Q.931 section 3.1.18) how far the call has come; a gateway of ours says so in what Status has for display. */
async function askState(session: H323Session): Promise<Reached> {
  const said = Promise.withResolvers<string | undefined>();
  const { onEvent } = session;
  session.onEvent = (event, now) => {
    if (event.type === "status") said.resolve(event.display);
    onEvent(event, now);
  };
  session.act((machine, now) => machine.inquire(now));
  return reachedBy(readStanding(await Promise.race([said.promise, timer(5000, undefined)])));
}

/** The address of ours that packets to `host` leave from. */
async function addressTowards(host: string): Promise<string> {
  const scout = createSocket(isIP(host) === 6 ? "udp6" : "udp4");
  const failed = await new Promise<Error | undefined>((resolve) => {
    scout.once("error", resolve);
    scout.connect(9, host, () => resolve(undefined));
  });
  if (failed) throw new CallError(`${host} cannot be reached: ${(failed as NodeJS.ErrnoException).code ?? failed.message}`);
  const { address } = scout.address();
  scout.close();
  return address;
}
