import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { owned } from "./processes.ts";
import { formatCrypto, parseSdp, type SdpCrypto, type SdpMedia } from "../../src/wire/sdp/index.ts";

type Bencoded = string | number | readonly Bencoded[] | { readonly [key: string]: Bencoded };

/** One call through rtpengine: RTP/AVP on the caller's side, RTP/SAVP with one suite on the callee's. */
export interface RtpengineCall {
  readonly id: string;
  readonly suite: string;
  /** Where the caller takes plain RTP. */
  readonly callerPort: number;
  /** Where the callee takes SRTP. */
  readonly calleePort: number;
  /** The callee's key, given what rtpengine offered. */
  readonly calleeCrypto: (offered: SdpCrypto) => SdpCrypto;
}

/** What rtpengine opened for a call: a line to each side. */
export interface RtpengineLines {
  readonly toCaller: SdpMedia;
  readonly toCallee: SdpMedia;
  /** Its own key: what it sends to the callee with. */
  readonly crypto: SdpCrypto;
}

export interface Rtpengine {
  readonly pid: number;
  setUp(call: RtpengineCall): Promise<RtpengineLines>;
  stop(): Promise<void>;
}

/** rtpengine in userspace with one worker thread on 127.0.0.1, driven through its ng protocol. */
export async function startRtpengine(ports: { readonly ng: number; readonly min: number; readonly max: number }): Promise<Rtpengine> {
  const args = [
    ...["--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=3", "--num-threads=1"],
    ...["--interface=127.0.0.1", `--listen-ng=127.0.0.1:${ports.ng}`, `--port-min=${ports.min}`, `--port-max=${ports.max}`],
    ...["--timeout=7200", "--silent-timeout=7200"],
  ];
  const engine = owned(spawn("rtpengine", args, { stdio: "ignore" }));
  const control = createSocket("udp4");
  control.bind(0, "127.0.0.1");
  await once(control, "listening");
  let asked = 0;
  const ask = async (command: Bencoded): Promise<string> => {
    const cookie = `c${++asked} `;
    for (let tries = 0; tries < 160; tries++) {
      control.send(cookie + bencode(command), ports.ng, "127.0.0.1");
      const reply = (await Promise.race([once(control, "message"), sleep(250)])) as [Buffer] | undefined;
      const text = reply ? String(reply[0]) : "";
      if (text.startsWith(cookie)) return text.slice(cookie.length);
    }
    throw new Error("rtpengine does not answer");
  };
  await ask({ command: "ping" });
  return {
    pid: engine.pid!,
    async setUp({ id, suite, callerPort, calleePort, calleeCrypto }) {
      const call = { "call-id": id, "from-tag": "a", ICE: "remove", "rtcp-mux": ["demux"] };
      const offer = { ...call, command: "offer", sdp: sdp("RTP/AVP", callerPort), "transport-protocol": "RTP/SAVP", DTLS: "off" };
      const toCallee = lineIn(await ask(offer));
      // Debian 12's version offers every suite it has; the answer's choice decides what it sends with.
      const crypto = toCallee.crypto.find((attribute) => attribute.suite === suite);
      if (!crypto) throw new Error(`rtpengine does not offer ${suite}`);
      const answered = sdp("RTP/SAVP", calleePort, calleeCrypto(crypto));
      const toCaller = lineIn(await ask({ ...call, command: "answer", "to-tag": "b", sdp: answered }));
      return { toCaller, toCallee, crypto };
    },
    async stop() {
      control.close();
      const exited = once(engine, "exit");
      engine.kill();
      await exited;
    },
  };
}

function bencode(value: Bencoded): string {
  if (typeof value === "number") return `i${value}e`;
  if (typeof value === "string") return `${Buffer.byteLength(value)}:${value}`;
  if (Array.isArray(value)) return `l${value.map(bencode).join("")}e`;
  return `d${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => bencode(key) + bencode(item))
    .join("")}e`;
}

/** The audio line of the SDP in a reply. */
function lineIn(reply: string): SdpMedia {
  const match = /3:sdp(\d+):/.exec(reply);
  if (!match) throw new Error(`rtpengine refused: ${reply}`);
  const start = match.index + match[0].length;
  return parseSdp(reply.slice(start, start + Number(match[1]))).media[0]!;
}

function sdp(protocol: string, port: number, crypto?: SdpCrypto): string {
  const lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", `m=audio ${port} ${protocol} 0`];
  return [...lines, ...(crypto ? [`a=crypto:${formatCrypto(crypto)}`] : []), ""].join("\r\n");
}
