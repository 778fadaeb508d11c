import type { AeadProvider } from "../srtp/index.ts";

/** Takes a datagram. Its bytes are the callee's to read and to overwrite, during the call only. */
export type TakeDatagram = (datagram: Buffer, address: string, port: number) => void;

/** A bound datagram socket. */
export interface UdpSocket {
  readonly port: number;
  /** From now on datagrams go to `take`; those that came before are the first. */
  receive(take: TakeDatagram): void;
  /**
   * Sends to a numeric address. True when the socket has the bytes still in hands: they must not change then. Else they are the caller's again. What cannot be
   * sent is lost, as on any network.
   */
  send(datagram: Buffer, port: number, address: string): boolean;
  /** Nothing is received any more. `closed` is called when the port is free. */
  close(closed?: () => void): void;
}

/** Datagram sockets of one thread, and what goes with them. */
export interface Udp {
  readonly kind: UdpKind;
  /** AES-GCM by the same means; undefined where there is none but SRTP's own. */
  readonly aead: AeadProvider | undefined;
  /**
   * Binds a socket; undefined when the port is taken. `buffer` is how many bytes the kernel keeps of what comes, and, where nobody else queues it, of what
   * goes; without it the system's default. Rejects when it cannot be done at all.
   */
  bind(host: string, port: number, buffer?: number): Promise<UdpSocket | undefined>;
  /** Hands over what waits in the sockets, as far as the event loop does not do so by itself: before something for which it would come too late. */
  look(): void;
  /** Bytes to send from, and to protect into, without their being copied again. */
  memory(size: number): Buffer;
  /** Closes every socket. */
  close(): void;
}

/** `native`: the kernel's sockets without Node.js between; `node`: node:dgram. */
export type UdpKind = "native" | "node";

/** Whether datagrams can be sent to it. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 65_535;
}
