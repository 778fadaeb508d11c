/** Asks where a trunk's calls would go whether anybody is there (OPTIONS, RFC 3261 section 11). */
import { readFileSync } from "node:fs";
import { bareHost } from "../wire/sip/uri.ts";
import { SipFlow } from "./call/flow.ts";
import { type ClientTls, findTargets, parseTarget } from "./call/target.ts";

/** Each place of a target has so long to connect and to answer, in ms; so many are tried. */
const ANSWER_MS = 3_000;
const PLACES = 3;

/** Files that calls to the trunk would use. */
export interface PingFiles {
  readonly cert: string | null;
  readonly key: string | null;
  readonly ca: readonly string[];
}

export interface PingAnswer {
  readonly reached: boolean;
  readonly detail: string;
}

/** Never rejects. Any final response but 503 shows that the far end is there. */
export async function pingTarget(target: string, files: PingFiles): Promise<PingAnswer> {
  try {
    const { text, uri } = parseTarget(target);
    const ca = files.ca.map((file) => readFileSync(file, "utf8")).join("\n");
    const own = files.cert && files.key ? { cert: readFileSync(files.cert, "utf8"), key: readFileSync(files.key, "utf8") } : {};
    const tls: ClientTls = { ...own, ...(ca === "" ? {} : { ca }), insecure: false, domain: bareHost(uri.host) };
    let said = "";
    for (const place of (await findTargets(uri)).slice(0, PLACES)) {
      const where = `${place.transport} ${place.address}:${place.port}`;
      const answer = await within(ANSWER_MS, ask(text, place, tls)).catch((error: unknown) => (error as Error).message);
      if (typeof answer === "number" && answer !== 503) return { reached: true, detail: `${where} answers OPTIONS with ${answer}` };
      said = `${where}: ${answer ?? "no answer to OPTIONS"}`;
    }
    return { reached: false, detail: said };
  } catch (error) {
    return { reached: false, detail: (error as Error).message };
  }
}

async function ask(uri: string, place: Parameters<typeof SipFlow.open>[0], tls: ClientTls): Promise<number | undefined> {
  const flow = await SipFlow.open(place, tls);
  const host = flow.localAddress.includes(":") ? `[${flow.localAddress}]` : flow.localAddress;
  try {
    return await within(
      ANSWER_MS,
      new Promise<number | undefined>((done) =>
        flow.agent.request(
          "OPTIONS",
          { uri, from: `sip:crosspoint-doctor@${host}`, target: { ...place, connection: 1 } },
          flow.now(),
          (response) => done(response?.status),
        ),
      ),
    );
  } finally {
    flow.close();
  }
}

/** The work's result; undefined where it takes longer than that. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
