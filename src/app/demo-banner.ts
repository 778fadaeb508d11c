import { relative } from "node:path";
import { developmentFiles } from "../security/development.ts";
import type { Config } from "./config/config.ts";
import { webCallers } from "./web-callers.ts";

export interface Announcement {
  readonly config: Config;
  /** Actual ports by transport. */
  readonly sip: Readonly<Record<string, number>>;
  readonly webPort: number | null;
  readonly token: string;
  readonly tokenFile: string | null;
  readonly readyMs: number;
}

/** What the demo prints: what to dial, which page to open, which certificate files a client needs. */
export function announceDemo({ config, sip, webPort, token, tokenFile, readyMs }: Announcement): string {
  const host = config.listen.includes(":") ? `[${config.listen}]` : config.listen;
  const port = (transport: string, usual: number): string =>
    sip[transport] === undefined || sip[transport] === usual ? "" : `:${sip[transport]}`;
  const at = `@${host}${port("udp", 5060)}`;
  const notes: Record<string, string> = {
    "1000": "open",
    "2000": "guest PIN 1234, host PIN 98765",
    "3000": "lobby: unverified callers wait until admitted",
    "4000": "end-to-end encrypted: refused, and told why",
    "5000": "German prompts, guests wait for the host; guest PIN 1234, host PIN 98765",
  };
  const elsewhere = Object.keys(sip).length === 0;
  const lines = [
    `Crosspoint is ready after ${Math.round(readyMs)} ms, with its demo configuration.`,
    "",
    elsewhere ? "Dial, by SIP, where drachtio-server listens (its own configuration says):" : "Dial, by SIP over UDP, TCP or TLS:",
  ];
  for (const meeting of config.meetings)
    lines.push(`  sip:${`${meeting.id}${at}`.padEnd(28)} ${notes[meeting.id] ?? meeting.name ?? ""}`.trimEnd());
  for (const number of config.accessNumbers) lines.push(`  sip:${`${number}${at}`.padEnd(28)} asks for the meeting's number, then its PIN`);
  if (sip["tls"] !== undefined)
    lines.push(`  sips:${`2000**1234@${host}${port("tls", 5061)}`.padEnd(27)} the same over TLS; a dial string may carry the PIN`);
  if (config.h323.signalling !== null) {
    const h323Port = config.h323.signalling === 1720 ? "" : `:${config.h323.signalling}`;
    lines.push(`  h323:${`1000@${host}${h323Port}`.padEnd(27)} and the others by H.323`);
  }
  if (webPort !== null) {
    const scheme = config.web.tls ? "https" : "http";
    const page = `${scheme}://${host}:${webPort}`;
    lines.push(
      "",
      ...(webCallers(config) ? [`Open  ${page}/meeting  to join from a browser`] : []),
      `Open  ${page}/#token=${token}  to watch and to steer`,
      `Admin token: ${token}${tokenFile ? ` (kept in ${here(tokenFile)})` : ""}`,
    );
  }
  if (config.certificates.development && sip["tls"] !== undefined) {
    const files = developmentFiles(config.certificates.development);
    lines.push(
      "",
      "For TLS a client needs:",
      `  ${here(files.ca)}  to trust the gateway`,
      `  ${here(files.clientCert)} and ${here(files.clientKey)}  to be a verified caller`,
    );
  }
  lines.push("", "Ctrl+C stops it.", "");
  return lines.join("\n");
}

/** A path as short as it can be said from here. */
function here(file: string): string {
  const short = relative(process.cwd(), file);
  return short.startsWith("..") ? file : short;
}
