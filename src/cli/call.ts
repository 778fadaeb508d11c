import { type CallOptions, type CallReport, emptyReport, inWords } from "./call/report.ts";
import { CallError } from "./call/target.ts";

export type { CallOptions, CallReport } from "./call/report.ts";

/** `crosspoint call URI`: exit code 1 when the call was not answered, brought no sound, or was ended by the far end. */
export async function call(uri: string, options: CallOptions): Promise<number> {
  const report = await placeCall(uri, options);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : inWords(report));
  return report.ok ? 0 : 1;
}

/** Places the call, holds it, hangs up. */
export async function placeCall(uri: string, options: CallOptions): Promise<CallReport> {
  const report = emptyReport(uri);
  try {
    if (options.pin !== undefined && !/^[0-9]{1,32}$/.test(options.pin)) throw new CallError("--pin takes digits");
    if (/^h323:/i.test(uri)) await (await import("./call/h323-call.ts")).placeByH323(uri, options, report);
    else await (await import("./call/sip-call.ts")).placeBySip(uri, options, report);
    report.ok = report.error === null;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    report.error = error.message;
  }
  return report;
}
