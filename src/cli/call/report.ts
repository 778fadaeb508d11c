/** What a test call found. Times are milliseconds; stages count from the INVITE unless said otherwise. */
export interface CallReport {
  readonly uri: string;
  /** `answered`, or why not. */
  readonly outcome: "answered" | "refused" | "unreachable" | "media-refused" | "no-media";
  /** In words, for people. */
  readonly reason: string;
  readonly sipStatus: number | null;
  /** Warning and Reason header fields of a refusal, as they came. */
  readonly warnings: readonly string[];
  readonly transport: string;
  readonly stages: {
    /** Of a connection tried before the call; null for UDP. */
    readonly dns: number | null;
    readonly connect: number | null;
    readonly tls: number | null;
    readonly ringing: number | null;
    readonly answered: number | null;
    readonly firstPacket: number | null;
    /** First sample above -50 dBFS: the first prompt's. */
    readonly firstSound: number | null;
    /** Last digit of the PIN sent. */
    readonly pinSent: number | null;
  };
  readonly tls: { readonly version: string; readonly cipher: string; readonly peer: string; readonly verified: boolean } | null;
  /** SDES suite; null for plain RTP or without an answer. */
  readonly srtp: string | null;
  readonly codec: string | null;
  readonly telephoneEvent: boolean;
  readonly audio: {
    readonly packetsIn: number;
    readonly packetsOut: number;
    readonly lossPercent: number;
    readonly jitterMs: number;
    /** What the far end says it lost of ours (RTCP), percent; null when it said nothing. */
    readonly remoteLossPercent: number | null;
    /** Packets that did not authenticate. */
    readonly rejected: number;
    /** Loudest 20 ms heard, dBFS. */
    readonly peakDb: number | null;
  } | null;
  readonly seconds: number;
}

const ms = (value: number | null): string => (value === null ? "-" : `${value.toFixed(1)} ms`);

/** The report as lines for a terminal. */
export function formatReport(report: CallReport): string {
  const { stages, tls, audio } = report;
  const rows: [string, string][] = [
    ["call", `${report.uri} over ${report.transport}`],
    ["outcome", `${report.outcome}${report.sipStatus === null ? "" : ` (${report.sipStatus})`}: ${report.reason}`],
    ...report.warnings.map((warning): [string, string] => ["peer says", warning]),
    ["name looked up", ms(stages.dns)],
    ["connected", ms(stages.connect)],
    [
      "TLS handshake",
      tls === null
        ? ms(stages.tls)
        : `${ms(stages.tls)}, ${tls.version} ${tls.cipher}, ${tls.peer}${tls.verified ? "" : " (NOT verified)"}`,
    ],
    ["ringing", ms(stages.ringing)],
    ["answered", ms(stages.answered)],
    ["first packet", ms(stages.firstPacket)],
    ["first sound", ms(stages.firstSound)],
  ];
  if (stages.pinSent !== null) rows.push(["PIN sent", ms(stages.pinSent)]);
  rows.push(["SRTP", report.srtp ?? "none"], ["codec", `${report.codec ?? "-"}${report.telephoneEvent ? ", telephone-event" : ""}`]);
  if (audio !== null) {
    rows.push(
      ["packets", `${audio.packetsIn} in, ${audio.packetsOut} out${audio.rejected > 0 ? `, ${audio.rejected} did not authenticate` : ""}`],
      [
        "loss",
        `${audio.lossPercent.toFixed(2)} % in${audio.remoteLossPercent === null ? "" : `, ${audio.remoteLossPercent.toFixed(2)} % out`}`,
      ],
      ["jitter", ms(audio.jitterMs)],
      ["loudest heard", audio.peakDb === null ? "nothing" : `${audio.peakDb.toFixed(0)} dBFS`],
    );
  }
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join("\n");
}
