/** The process measured: answers calls, or passes them on to `TO_HOST TO_PORT` and answers when they are. Arguments: HOST PORT [TO_HOST TO_PORT]. */
import type { H323Endpoint } from "../../src/io/index.ts";
import { answering, openEndpoint, passingOn, ready } from "./stack.ts";

const [host = "127.0.0.1", port = "0", toHost, toPort] = process.argv.slice(2);
let endpoint: H323Endpoint;
const onSession = toHost === undefined ? answering(host) : passingOn(() => endpoint, host, { host: toHost, port: Number(toPort) });
endpoint = await openEndpoint(host, Number(port), {}, onSession);
process.on("message", (what) => {
  if (what !== "memory") return;
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send?.({ rss, heap: heapUsed + external, calls: endpoint.calls });
});
ready(endpoint.address);
