import type { Logger } from "pino";
import { readableControl, readableSignalling } from "../../h323/index.ts";
import type { H323Tap, RasTap } from "../../io/index.ts";
import { type CallTraces, hostPort, readH323, wallTime } from "../../trace/index.ts";

/** H.323's part of what is traced: messages of calls (H.225.0, H.245), and of gatekeepers (RAS). */
export class H323Trace {
  readonly #traces: CallTraces;
  readonly #log: Logger;

  constructor(traces: CallTraces, log: Logger) {
    this.#traces = traces;
    this.#log = log;
  }

  readonly call: H323Tap = (session, { direction, kind, bytes }, ends) => {
    if (this.#log.isLevelEnabled("debug")) this.#debug(session.peer, direction, kind, bytes);
    if (!this.#traces.active) return;
    const { callIdentifier, ...text } = readH323(kind === "control" ? "h245" : "h225", bytes, this.#traces.wish.level === "full");
    const { peer, transport } = session;
    this.#traces.add({
      key: `h323:${callIdentifier ?? session.machine.callIdentifier}`,
      protocol: kind === "control" ? "h245" : "h225",
      direction,
      transport,
      local: ends === undefined ? "tunnel" : hostPort(ends.local.host, ends.local.port),
      remote: ends === undefined ? hostPort(peer.host, peer.port) : hostPort(ends.remote.host, ends.remote.port),
      at: wallTime(),
      ...text,
    });
  };

  readonly ras: RasTap = (direction, bytes, peer, local) => {
    if (!this.#traces.active) return;
    const { callIdentifier, ...text } = readH323("ras", bytes, this.#traces.wish.level === "full");
    this.#traces.add({
      key: callIdentifier === undefined ? "" : `h323:${callIdentifier}`,
      protocol: "ras",
      direction,
      transport: peer.connection === undefined ? "udp" : "tcp",
      local: peer.connection === undefined ? hostPort(local.host, local.port) : "tunnel",
      remote: hostPort(peer.host, peer.port),
      at: wallTime(),
      ...text,
    });
  };

  /** Digits dialled behind a number or pressed could be a PIN: they are not written. */
  #debug(peer: { host: string; port: number }, direction: "in" | "out", kind: "signalling" | "control", bytes: Uint8Array): void {
    const fields = { event: "h323-message", peer: `${peer.host}:${peer.port}`, direction, kind, octets: bytes.length };
    try {
      const { name, content } = kind === "control" ? readableControl(bytes) : readableSignalling(bytes);
      this.#log.debug({ ...fields, message: content }, name);
    } catch (error) {
      this.#log.debug(fields, `not decodable: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
