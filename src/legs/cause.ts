/**
 * Q.850 causes and SIP statuses. Both directions after RFC 4497 section 8.4.1 and 8.4.4 (the tables for QSIG, which are those for
 * PBXs and room systems), where that is silent RFC 3398 section 7.2.4.1 and 8.2.6.1.
 */

/** The Q.850 causes we name. */
export const CAUSE = {
  unallocated: 1,
  normalClearing: 16,
  userBusy: 17,
  noUserResponding: 18,
  noAnswer: 19,
  callRejected: 21,
  destinationOutOfOrder: 27,
  invalidNumberFormat: 28,
  facilityRejected: 29,
  normalUnspecified: 31,
  noCircuit: 34,
  networkOutOfOrder: 38,
  temporaryFailure: 41,
  switchCongestion: 42,
  resourceUnavailable: 47,
  bearerNotImplemented: 65,
  serviceNotImplemented: 79,
  incompatibleDestination: 88,
  timerExpiry: 102,
  protocolError: 111,
  interworking: 127,
} as const;

const CAUSE_OF_STATUS: Readonly<Record<number, number>> = {
  400: 41,
  401: 21,
  402: 21,
  403: 21,
  404: 1,
  405: 63,
  406: 79,
  407: 21,
  408: 102,
  410: 22,
  413: 127,
  414: 127,
  415: 79,
  416: 127,
  420: 127,
  421: 127,
  423: 127,
  480: 18,
  481: 41,
  482: 25,
  483: 25,
  484: 28,
  485: 1,
  486: 17,
  487: 31,
  488: 79,
  491: 41,
  493: 79,
  500: 41,
  501: 79,
  502: 38,
  503: 41,
  504: 102,
  505: 127,
  513: 127,
  600: 17,
  603: 21,
  604: 1,
  606: 79,
};

/** The cause of a final failure status; 31 for statuses nobody has mapped. */
export function causeOfStatus(status: number): number {
  return CAUSE_OF_STATUS[status] ?? CAUSE.normalUnspecified;
}

/** A Reason header (RFC 3326): quotes and line ends do not get out of the text. */
export function formatReason(cause: number, text: string): string {
  return `Q.850;cause=${cause};text="${text.replace(/[\u0000-\u001f\u007f"\\]/g, " ").slice(0, 200)}"`;
}

/** Cause and text of a Reason header, where it has a Q.850 or a SIP cause; Q.850 before SIP. */
export function parseReason(value: string | undefined): { readonly cause: number; readonly text: string } | undefined {
  if (value === undefined) return undefined;
  let found: { cause: number; text: string } | undefined;
  for (const [, protocol, params] of value.matchAll(/(?:^|,)\s*(Q\.850|SIP)\s*((?:;[^,;"]*(?:"[^"]*")?[^,;]*)*)/gi)) {
    const cause = /;\s*cause\s*=\s*(\d{1,3})/i.exec(params ?? "");
    if (!cause) continue;
    const text = /;\s*text\s*=\s*(?:"([^"]*)"|([^;,]*))/i.exec(params ?? "");
    const number = Number(cause[1]);
    const isQ850 = protocol?.toUpperCase() === "Q.850";
    if (!found || isQ850) found = { cause: isQ850 ? number : causeOfStatus(number), text: (text?.[1] ?? text?.[2] ?? "").trim() };
    if (isQ850) break;
  }
  return found;
}
