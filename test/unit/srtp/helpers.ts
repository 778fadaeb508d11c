import {
  type AeadProvider,
  generateKeying,
  SRTP_SUITES,
  type SrtpKeying,
  type SrtpSuite,
  type SrtpSuiteName,
} from "../../../src/srtp/index.ts";
import { chooseUdp, openUdp, planUdp } from "../../../src/udp/index.ts";
import { buildRtp } from "../../../src/wire/rtp/index.ts";

export function hex(text: string): Buffer {
  return Buffer.from(text.replace(/\s+/g, ""), "hex");
}

export const suites: readonly SrtpSuite[] = Object.values(SRTP_SUITES);

export function keyingOf(name: SrtpSuiteName): SrtpKeying {
  return generateKeying(SRTP_SUITES[name]);
}

/** A packet whose payload tells its number apart. */
export function rtp(sequenceNumber: number, ssrc = 0x1234, length = 160): Buffer {
  const fields = { payloadType: 0, sequenceNumber: sequenceNumber & 0xffff, timestamp: 160 * sequenceNumber, ssrc };
  return buildRtp(fields, Buffer.alloc(length, sequenceNumber));
}

/** Whose AES-GCM is tried: this project's own, and OpenSSL's where it can be called. */
export const ciphers: readonly (readonly [name: string, aead: AeadProvider | undefined])[] =
  chooseUdp().kind === "native"
    ? [
        ["this project", undefined],
        ["OpenSSL", openUdp(planUdp("native")).aead],
      ]
    : [["this project", undefined]];
