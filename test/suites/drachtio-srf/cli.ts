/** `node test/suites/drachtio-srf/cli.ts`: runs the suite and prints what passed. */
import { openServers } from "./servers.ts";
import { runSrfSuite, runSrfUnitTests, type SuiteReader, srfVersion } from "./suite.ts";

const servers = await openServers();
const files = process.env["FILES"]?.split(",");
const reader: SuiteReader = process.env["READER"] === "crosspoint" ? "crosspoint" : "drachtio-srf";
const result = await runSrfSuite({ ...servers, reader, ...(files === undefined ? {} : { files }), logDir: process.env["LOG_DIR"] });
console.log(`drachtio-srf ${srfVersion()} against ${servers.what}, messages read by ${reader}`);
for (const f of result.files) {
  console.log(`  ${f.file.padEnd(16)} ${f.pass} of ${f.pass + f.fail} in ${f.seconds} s${f.complete ? "" : " INCOMPLETE"}`);
  for (const line of f.failed) console.log(`      ${line}`);
}
console.log(`  total ${result.pass} of ${result.pass + result.fail}`);
if (files === undefined) {
  const unit = await runSrfUnitTests(reader);
  console.log(`  unit tests: ${unit.pass} pass, ${unit.fail} fail`);
}
await servers.stop();
process.exit(result.fail === 0 && result.files.every((f) => f.complete) ? 0 : 1);
