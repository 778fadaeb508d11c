import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ofTest } from "./of-test.ts";

/** One step of a scenario, as SIPp's XML. */
export type Step = string;

const CRLF = "\n";

export interface InviteOptions {
  /** Extra header lines. */
  readonly headers?: readonly string[];
  /** Session description; `[media_ip]` and `[media_port]` are SIPp's. Null: no offer. */
  readonly sdp?: string | null;
  readonly userAgent?: string;
}

/** PCMU and telephone-event on SIPp's media port. */
export function sippSdp(version = 1, direction = "sendrecv", media = "audio"): string {
  return [
    "v=0",
    `o=sipp 1 ${version} IN IP4 [local_ip]`,
    "s=-",
    "c=IN IP4 [media_ip]",
    "t=0 0",
    `m=${media} [media_port] RTP/AVP 0 101`,
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    `a=${direction}`,
  ].join(CRLF);
}

function message(start: string, lines: readonly string[], body: string | null, type = "application/sdp"): string {
  const content = body === null ? ["Content-Length: 0", "", ""] : [`Content-Type: ${type}`, "Content-Length: [len]", "", body, ""];
  return ["", start, ...lines, ...content].join(CRLF);
}

const common = (method: string, cseq: number, to: string) => [
  "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
  "From: SIPp <sip:sipp@[local_ip]:[local_port]>;tag=[pid]sipp[call_number]",
  to,
  "Call-ID: [call_id]",
  `CSeq: ${cseq} ${method}`,
  "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>",
  "Max-Forwards: 70",
];
const toNew = "To: <sip:[service]@[remote_ip]:[remote_port]>";
const toDialog = "To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]";

let cseq = 1;

export const sipp = {
  invite(options: InviteOptions = {}): Step {
    cseq = 1;
    const agent = options.userAgent === undefined ? [] : [`User-Agent: ${options.userAgent}`];
    const text = message(
      "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
      [...common("INVITE", cseq, toNew), ...agent, ...(options.headers ?? [])],
      options.sdp === undefined ? sippSdp() : options.sdp,
    );
    return `<send retrans="500"><![CDATA[${text}]]></send><recv response="100" optional="true"/>`;
  },
  /** Waits for a final answer of this status; provisional ones may come before it. `saves` keeps the dialog's route and target. */
  expect(status: number, check?: { readonly header: string; readonly pattern: string }): Step {
    const provisional = status >= 200 && status < 300 ? '<recv response="180" optional="true"/><recv response="183" optional="true"/>' : "";
    const action =
      check === undefined
        ? ""
        : `<action><ereg regexp="${check.pattern}" search_in="hdr" header="${check.header}:" check_it="true" assign_to="1"/><log message="[$1]"/></action>`;
    return `${provisional}<recv response="${status}" rrs="true">${action}</recv>`;
  },
  ack(sdp: string | null = null): Step {
    return `<send><![CDATA[${message("ACK [next_url] SIP/2.0", [...common("ACK", cseq, toDialog), "[routes]"], sdp)}]]></send>`;
  },
  /** The ACK of a failure, which goes the INVITE's own way. */
  ackFailure(): Step {
    return `<send><![CDATA[${message("ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0", [...common("ACK", cseq, toDialog)], null)}]]></send>`;
  },
  pause(ms: number): Step {
    return `<pause milliseconds="${ms}"/>`;
  },
  request(
    method: string,
    options: { readonly headers?: readonly string[]; readonly body?: string | null; readonly type?: string } = {},
  ): Step {
    cseq++;
    const text = message(
      `${method} [next_url] SIP/2.0`,
      [...common(method, cseq, toDialog), "[routes]", ...(options.headers ?? [])],
      options.body ?? null,
      options.type,
    );
    return `<send retrans="500"><![CDATA[${text}]]></send>${method === "INVITE" ? '<recv response="100" optional="true"/>' : ""}`;
  },
  info(digit: string): Step {
    return `${sipp.request("INFO", { body: `Signal=${digit}${CRLF}Duration=160`, type: "application/dtmf-relay" })}<recv response="200"/>`;
  },
  /** Waits for a request of the gateway's and answers it 200. */
  receive(method: string): Step {
    const text = message(
      "SIP/2.0 200 OK",
      [
        "[last_Via:]",
        "[last_From:]",
        "[last_To:]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>",
      ],
      null,
    );
    return `<recv request="${method}"/><send><![CDATA[${text}]]></send>`;
  },
  /** An answer to the request received last, with a tag and a Contact of our own where it makes a dialog. */
  respond(line: string, body = "", headers: readonly string[] = []): Step {
    const text = message(
      `SIP/2.0 ${line}`,
      [
        "[last_Via:]",
        "[last_From:]",
        "[last_To:];tag=[pid]-[call_number]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>",
        ...headers,
      ],
      body === "" ? null : body,
    );
    return `<send><![CDATA[${text}]]></send>`;
  },
  /** A call that comes, is answered, and is ended by the other side. */
  callee(): Step[] {
    return [
      '<recv request="INVITE" rrs="true"/>',
      sipp.respond("180 Ringing"),
      sipp.respond("200 OK", sippSdp()),
      '<recv request="ACK"/>',
      sipp.receive("BYE"),
    ];
  },
  bye(): Step {
    return `${sipp.request("BYE")}<recv response="200"/>`;
  },
};

export interface SippResult {
  readonly ok: boolean;
  /** Every message, in both directions. */
  readonly messages: string;
  readonly errors: string;
}

export interface SippOptions {
  /** `host:port`. */
  readonly target: string;
  /** User part dialled. */
  readonly service: string;
  readonly port: number;
  /** Address it binds; 127.0.0.1 where absent. */
  readonly host?: string;
  readonly mediaPort?: number;
  readonly transport?: "udp" | "tcp";
  readonly timeoutSeconds?: number;
  /** Calls in all, 1 where absent, and how many a second. */
  readonly calls?: number;
  readonly rate?: number;
  /** Goes on when something comes that no step waits for, as between two that send; `errors` tells of it. */
  readonly patient?: boolean;
}

/** SIPp's watchdog, set to look in an hour: on a busy machine it calls itself overloaded among its errors, and in the end gives up. */
export const UNWATCHED = ["-watchdog_interval", "3600000"] as const;

/** Runs calls of a scenario, one by default, until the present test ends at the latest. `ok` is false when anything came that it did not expect. */
export async function runSipp(steps: readonly Step[], options: SippOptions): Promise<SippResult> {
  const folder = mkdtempSync(join(tmpdir(), "crosspoint-sipp-"));
  const file = join(folder, "scenario.xml");
  writeFileSync(file, `<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="one call">\n${steps.join("\n")}\n</scenario>\n`);
  const args = [
    options.target,
    "-sf",
    file,
    "-s",
    options.service,
    "-i",
    options.host ?? "127.0.0.1",
    "-p",
    String(options.port),
    "-mp",
    String(options.mediaPort ?? options.port + 4),
    "-m",
    String(options.calls ?? 1),
    "-l",
    String(options.calls ?? 1),
    "-r",
    String(options.rate ?? 10),
    "-t",
    options.transport === "tcp" ? "t1" : "u1",
    "-timeout",
    String(options.timeoutSeconds ?? 90),
    "-timeout_error",
    "-trace_msg",
    "-message_file",
    join(folder, "messages"),
    "-trace_err",
    "-error_file",
    join(folder, "errors"),
    "-nostdin",
    ...UNWATCHED,
    ...(options.patient ? ["-default_behaviors", "all,-abortunexp"] : []),
  ];
  const child = ofTest(spawn("sipp", args, { stdio: "ignore", cwd: folder, env: { ...process.env, TERM: "xterm" } }));
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name), "utf8");
    } catch {
      return "";
    }
  };
  const result = { ok: code === 0, messages: read("messages"), errors: read("errors") };
  rmSync(folder, { recursive: true, force: true });
  return result;
}
