/** One RTP port for a line of few and small packets: no pacing, no threads. RTCP on the next port is bound, and read by nobody. */
import { isIP } from "node:net";
import { bindPair, closePair, type PortRange } from "./port-pairs.ts";

export interface RtpPort {
  readonly port: number;
  send(packet: Uint8Array, address: string, port: number): void;
  close(): void;
}

/** Rejects when no pair of ports is free. */
export async function openRtpPort(options: {
  readonly host: string;
  readonly range: PortRange;
  readonly onPacket: (packet: Uint8Array, address: string, port: number) => void;
}): Promise<RtpPort> {
  const pair = await bindPair(options.host, options.range);
  const { rtp, port } = pair;
  rtp.on("message", (packet, from) => options.onPacket(packet, from.address, from.port));
  return {
    port,
    send: (packet, address, to) => {
      if (isIP(address) !== 0 && to > 0) rtp.send(packet, to, address);
    },
    close: () => closePair(pair),
  };
}
