import type { TlsReport } from "./flow.ts";
import type { MediaReport } from "./media.ts";
import type { TlsFiles } from "./target.ts";

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

/** Milliseconds. Locating and connecting last so long; the others count from the INVITE or the Setup. Null: it did not come to that. */
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

/**
 * Where the call got to. `answered`: the far end does not say how far. `dialogue`: still asked for a number or PIN; `lobby`: to be let in by a host; `waiting`: for the
 * meeting to begin.
 */
export type Reached = "refused" | "answered" | "dialogue" | "wrong-pin" | "lobby" | "waiting" | "joined";

export interface CallReport {
  ok: boolean;
  readonly uri: string;
  /** `tls 192.0.2.1:5061`. */
  target: string | null;
  tls: TlsReport | null;
  readonly stages: Stages;
  /** Final status of the INVITE; null for H.323. */
  status: number | null;
  /** Q.850 cause of an H.323 call's release; null for SIP. */
  cause: number | null;
  reason: string | null;
  media: MediaReport | null;
  /** Where it got to; null when it could not be placed, or nobody answered. */
  state: Reached | null;
  /** Whether the PIN could be sent; null where there was none. */
  pinSent: boolean | null;
  /** Who ended the call: `us`, `peer`, `connection-lost`, ... */
  ended: string | null;
  /** Why it is not ok. */
  error: string | null;
}

/** A report with nothing in it yet. */
export function emptyReport(uri: string): CallReport {
  return {
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
    cause: null,
    reason: null,
    media: null,
    state: null,
    pinSent: null,
    ended: null,
    error: null,
  };
}

const reachedInWords: Readonly<Record<Reached, string>> = {
  refused: "refused",
  answered: "answered; the far end does not say whether the call has joined",
  dialogue: "in the join dialogue, not joined",
  "wrong-pin": "wrong PIN, not joined",
  lobby: "in the lobby, not joined",
  waiting: "waiting for the meeting to begin, not joined",
  joined: "joined",
};

/** The report for people. */
export function inWords(report: CallReport): string {
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
      ? `${tls.protocol} ${tls.cipher}${tls.group ? ` ${tls.group}` : ""}, server ${tls.server}${tls.untrusted ? " (not trusted)" : ""}${tls.clientCertificate ? ", with our certificate" : ""}`
      : "",
  );
  if (stages.progress !== null || stages.answered !== null) lines.push("  from the first message:");
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
  if (report.state !== null) lines.push(`  ${reachedInWords[report.state]}`);
  lines.push(report.ok ? "good" : `FAILED: ${report.error}`);
  return `${lines.join("\n")}\n`;
}
