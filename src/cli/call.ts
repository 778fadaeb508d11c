import { type CallOptions, type CallReport, emptyReport, inWords } from "./call/report.ts";
import { CallError, UsageError } from "./call/target.ts";

export type { CallOptions, CallReport } from "./call/report.ts";

/** `crosspoint call URI`: exit code 1 when the call was not answered, brought no sound, was ended by the far end, or is not known to have joined; 2 for an option that means nothing. */
export async function call(uri: string, options: CallOptions): Promise<number> {
  let code = 1;
  const report = await placeCall(uri, options, (error) => {
    if (error instanceof UsageError) code = 2;
  });
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : inWords(report));
  return report.ok ? 0 : code;
}

/** Places the call, holds it, hangs up. `failed` hears of what the report has in words. */
export async function placeCall(uri: string, options: CallOptions, failed: (error: CallError) => void = () => {}): Promise<CallReport> {
  const report = emptyReport(uri);
  try {
    if (options.pin !== undefined && !/^[0-9]{1,32}$/.test(options.pin)) throw new UsageError("--pin takes 1 to 32 digits");
    if (/^h323:/i.test(uri)) await (await import("./call/h323-call.ts")).placeByH323(uri, options, report);
    else await (await import("./call/sip-call.ts")).placeBySip(uri, options, report);
    report.ok = report.error === null;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    report.error = error.message;
    failed(error);
  }
  return report;
}
