/**
 * SIP as drachtio-server tells of it: requests and responses from the network, and what we sent, as it echoes it with the fields it has added. What it does by itself (100 Trying, 200 to
 * CANCEL, retransmissions, the ACK of a refusal) it tells nobody.
 */
import type { Socket } from "node:net";
import { hostPort, readSip, type CallTraces, type TracedMessage, wallTime } from "../../trace/index.ts";
import type { Srf } from "./drachtio.ts";

/** drachtio-srf's reader of frames, which its agent keeps. */
interface Framed {
  readonly _app: { readonly client: { readonly wp: { on(event: "msg", listener: (socket: Socket, frame: string) => void): void } } };
}

/** To be called once `connect` was. */
export function traceSrf(srf: Srf, traces: Pick<CallTraces, "active" | "add" | "levelOf">): void {
  (srf as unknown as Framed)._app.client.wp.on("msg", (_socket, frame) => {
    if (!traces.active) return;
    const message = readFrame(frame, (callId) => traces.levelOf(`sip:${callId}`));
    if (message !== undefined) traces.add(message);
  });
}

/** The SIP message of a frame from drachtio-server; undefined where it has none, or one that is not wanted. */
export function readFrame(frame: string, wanted: (callId: string) => ReturnType<CallTraces["levelOf"]>): TracedMessage | undefined {
  const end = frame.indexOf("\r\n");
  if (end < 0) return undefined;
  const tokens = frame.slice(0, end).split("|");
  const kind = tokens[1];
  // `ID|sip|SOURCE|LENGTH|PROTOCOL|ADDRESS|PORT|...|RECEIVED ADDRESS|RECEIVED PORT`, `ID|response|REQUEST|OK|SOURCE|LENGTH|PROTOCOL|ADDRESS|PORT|...`
  const at = kind === "sip" ? 2 : kind === "response" && tokens[3] === "OK" ? 4 : -1;
  if (at < 0) return undefined;
  const [source, , protocol = "", address = "", port = ""] = tokens.slice(at);
  const read = readSip(Buffer.from(frame.slice(end + 2), "utf8"), wanted);
  if (read === undefined) return undefined;
  const { callId, ...text } = read;
  const local = kind === "sip" && tokens.length > 11 ? hostPort(tokens[10]!, Number(tokens[11])) : "drachtio-server";
  return {
    key: callId === "" ? "" : `sip:${callId}`,
    protocol: "sip",
    direction: source === "network" ? "in" : "out",
    transport: protocol.toLowerCase(),
    local,
    remote: hostPort(address, Number(port)),
    at: wallTime(),
    ...text,
  };
}
