/** REFER (RFC 3515) and Replaces (RFC 3891), the parts that are text. */
import { between } from "../../base/text.ts";

/** Target and Replaces of a Refer-To field; undefined when it names no SIP or tel URI. */
export function parseReferTo(field: string | undefined): { readonly target: string; readonly replaces: string | undefined } | undefined {
  const uri = between(field ?? "", "<", ">") ?? field?.split(";", 1)[0]?.trim();
  if (uri === undefined || !/^(sips?|tel):[^\s<>"]+$/i.test(uri)) return undefined;
  const [target = "", headers] = uri.split("?", 2);
  const replaces = headers
    ?.split("&")
    .map((one) => one.split("=", 2))
    .find(([name]) => name?.toLowerCase() === "replaces")?.[1];
  let decoded: string | undefined;
  try {
    decoded = replaces === undefined ? undefined : decodeURIComponent(replaces);
  } catch {
    return undefined;
  }
  if (decoded !== undefined && /[\r\n]/.test(decoded)) return undefined;
  return { target, replaces: decoded };
}

/** The status in a `message/sipfrag` body. */
export function parseSipfrag(body: string | undefined): number | undefined {
  const match = /^SIP\/2\.0\s+(\d{3})\b/.exec(body ?? "");
  return match ? Number(match[1]) : undefined;
}

const PHRASES: Readonly<Record<number, string>> = {
  100: "Trying",
  180: "Ringing",
  200: "OK",
  403: "Forbidden",
  404: "Not Found",
  408: "Request Timeout",
  480: "Temporarily Unavailable",
  486: "Busy Here",
  487: "Request Terminated",
  488: "Not Acceptable Here",
  500: "Server Internal Error",
  503: "Service Unavailable",
  600: "Busy Everywhere",
  603: "Decline",
};

/** A `message/sipfrag` body that tells this status. */
export function formatSipfrag(status: number): string {
  return `SIP/2.0 ${status} ${PHRASES[status] ?? (status < 300 ? "OK" : "Failed")}\r\n`;
}
