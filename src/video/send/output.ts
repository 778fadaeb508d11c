import { type AeadProvider, SRTP_MAX_OVERHEAD } from "../../srtp/index.ts";
import type { VideoCounts } from "../counts.ts";
import type { RelayLineEvents } from "../port.ts";

/** Longest plain packet that is forwarded: with SRTP's share it still is one UDP datagram, in however many fragments IP carries it. */
export const MAX_PACKET = 65_000;

/**
 * The bytes a datagram is sent from, used again for each: a view by length is made once, which costs more than one might think. When the socket could
 * not send at once and still holds them, `renew` gives them up.
 */
export class OutBuffer {
  bytes: Buffer;
  #views: Buffer[] = [];

  /** `memory` gives its first bytes, where some are better than others to send from. */
  constructor(memory: (size: number) => Buffer = Buffer.alloc) {
    this.bytes = memory(MAX_PACKET + SRTP_MAX_OVERHEAD);
  }

  view(length: number): Buffer {
    return (this.#views[length] ??= this.bytes.subarray(0, length));
  }

  renew(): void {
    this.bytes = Buffer.alloc(MAX_PACKET + SRTP_MAX_OVERHEAD);
    this.#views = [];
  }
}

/** What a line does to the world. */
export interface LineOutput {
  /** Shared by all lines of a thread. */
  readonly out: OutBuffer;
  /** Of all lines of a thread. */
  readonly counts: VideoCounts;
  /** AES-GCM for SRTP where there is a better one than SRTP's own. */
  readonly aead?: AeadProvider | undefined;
  /**
   * Sends a datagram, with `rtcp` from the line's RTCP socket. True when the socket has it still in hands: the bytes must not change then. Else they
   * are the caller's again.
   */
  transmit(datagram: Buffer, port: number, address: string, rtcp: boolean): boolean;
  event<K extends Exclude<keyof RelayLineEvents, "gone">>(event: K, ...values: RelayLineEvents[K]): void;
  /** Wall time in milliseconds since 1970, for NTP stamps. */
  wall(): number;
  /** 32 random bits. */
  random(): number;
}
