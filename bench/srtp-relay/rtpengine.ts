import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { formatCrypto, parseSdp } from "../../src/wire/sdp/index.ts";
import { keyingOf } from "./ours.ts";
import type { Relay, RelayTask } from "./relay.ts";

const NG_PORT = 22_422;

type Bencoded = string | number | readonly Bencoded[] | { readonly [key: string]: Bencoded };

function bencode(value: Bencoded): string {
  if (typeof value === "number") return `i${value}e`;
  if (typeof value === "string") return `${Buffer.byteLength(value)}:${value}`;
  if (Array.isArray(value)) return `l${value.map(bencode).join("")}e`;
  return `d${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => bencode(key) + bencode(item))
    .join("")}e`;
}

/** The string behind a key of a flat reply. */
function stringIn(reply: string, key: string): string | undefined {
  const match = new RegExp(`${key.length}:${key}(\\d+):`).exec(reply);
  return match ? reply.slice(match.index + match[0].length, match.index + match[0].length + Number(match[1])) : undefined;
}

/** rtpengine in userspace with one worker thread, its flows set up through the ng protocol: RTP/AVP on one side, RTP/SAVP on the other. */
export async function startRtpengine(task: RelayTask): Promise<Relay> {
  const args = [
    "--table=-1",
    "--foreground",
    "--interface=127.0.0.1",
    `--listen-ng=127.0.0.1:${NG_PORT}`,
    "--num-threads=1",
    "--log-level=3",
  ];
  const limits = ["--timeout=7200", "--silent-timeout=7200", "--port-min=30000", "--port-max=34000", "--log-stderr", "--config-file=none"];
  const engine = spawn("rtpengine", [...args, ...limits], { stdio: "ignore" });
  const kill = () => engine.kill();
  process.on("exit", kill);
  const control = createSocket("udp4");
  control.bind(0, "127.0.0.1");
  await once(control, "listening");
  let cookie = 0;
  const ask = async (command: Bencoded): Promise<string> => {
    const prefix = `c${++cookie} `;
    for (let tries = 0; tries < 20; tries++) {
      control.send(prefix + bencode(command), NG_PORT, "127.0.0.1");
      const reply = await Promise.race([once(control, "message"), sleep(250)]);
      const text = reply ? String((reply as [Buffer])[0]) : "";
      if (text.startsWith(prefix)) return text.slice(prefix.length);
    }
    throw new Error("rtpengine does not answer");
  };
  await ask({ command: "ping" });
  const flows = [];
  for (const [i, sourcePort] of task.sourcePorts.entries()) {
    const call = { "call-id": `bench-${i}`, "from-tag": "a" };
    const offer = await ask({
      ...call,
      command: "offer",
      sdp: sdpWith("RTP/AVP", sourcePort),
      "transport-protocol": "RTP/SAVP",
      DTLS: "off",
      ICE: "remove",
    });
    // Debian 12's version offers every suite it has; the answer's choice decides what it sends with.
    const offered = parseSdp(stringIn(offer, "sdp")!).media[0]!.crypto.find(({ suite }) => suite === task.suite);
    if (!offered) throw new Error(`rtpengine does not offer ${task.suite}`);
    const crypto = formatCrypto(offered);
    // The sink's own key is never used, since nothing flows back: the offered one serves.
    const answer = await ask({ ...call, command: "answer", "to-tag": "b", sdp: sdpWith("RTP/SAVP", task.sinkPort, crypto), ICE: "remove" });
    const line = parseSdp(stringIn(answer, "sdp")!).media[0]!;
    flows.push({ port: line.port, keying: keyingOf(crypto) });
  }
  return {
    name: "rtpengine",
    pid: engine.pid!,
    flows,
    async stop() {
      control.close();
      process.off("exit", kill);
      kill();
      await once(engine, "exit");
    },
  };
}

function sdpWith(protocol: string, port: number, crypto?: string): string {
  const lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", `m=audio ${port} ${protocol} 0`];
  return [...lines, ...(crypto ? [`a=crypto:${crypto}`] : []), ""].join("\r\n");
}
