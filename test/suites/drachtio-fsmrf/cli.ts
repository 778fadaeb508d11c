/** `node test/suites/drachtio-fsmrf/cli.ts`: runs the suite and prints what passed. */
import { openServers } from "./servers.ts";
import { fsmrfVersion, runFsmrfSuite } from "./suite.ts";

const servers = await openServers();
const result = await runFsmrfSuite(servers, process.env["FILES"]?.split(","));
console.log(
  `drachtio-fsmrf ${fsmrfVersion()} against ${servers.what}: ${result.pass} pass, ${result.failed.length} fail${result.complete ? "" : ", INCOMPLETE"}`,
);
for (const failure of result.failed) console.log(failure);
await servers.stop();
process.exit(result.failed.length === 0 && result.complete ? 0 : 1);
