import { createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/**
 * The little of STUN (RFC 8489) and ICE (RFC 8445) that is needed to stand between a browser and the library's ICE agent: whose check it is, and putting
 * right what one of them does not understand of the other.
 */

const COOKIE = 0x2112a442;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const XOR_MAPPED_ADDRESS = 0x0020;
const FINGERPRINT = 0x8028;
const ICE_CONTROLLED = 0x8029;
const ICE_CONTROLLING = 0x802a;

export const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;

/** RFC 8489 section 5: two zero bits, the cookie, a length that fits. */
export function isStun(packet: Buffer): boolean {
  return packet.length >= 20 && packet[0]! >> 6 === 0 && packet.readUInt32BE(4) === COOKIE && packet.readUInt16BE(2) === packet.length - 20;
}

export function stunType(packet: Buffer): number {
  return packet.readUInt16BE(0);
}

/** Where each attribute's value begins and how long it is; undefined when they do not add up. */
function attributes(packet: Buffer): Map<number, { readonly at: number; readonly length: number }> | undefined {
  const found = new Map<number, { at: number; length: number }>();
  let at = 20;
  while (at < packet.length) {
    if (at + 4 > packet.length) return undefined;
    const type = packet.readUInt16BE(at);
    const length = packet.readUInt16BE(at + 2);
    if (at + 4 + length > packet.length) return undefined;
    if (!found.has(type)) found.set(type, { at: at + 4, length });
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return at === packet.length ? found : undefined;
}

/** RFC 8445 section 7.2.2: a check's USERNAME begins with the fragment of whom it is meant for. Undefined when there is none. */
export function checkedFragment(packet: Buffer): string | undefined {
  const name = attributes(packet)?.get(USERNAME);
  return name && packet.toString("utf8", name.at, name.at + name.length).split(":", 1)[0];
}

/** Whether the message was made by somebody who knows `password` (RFC 8489 section 14.5). */
export function isGenuine(packet: Buffer, password: string): boolean {
  const seal = attributes(packet)?.get(MESSAGE_INTEGRITY);
  if (seal?.length !== 20) return false;
  return timingSafeEqual(packet.subarray(seal.at, seal.at + 20), integrity(packet, seal.at, password));
}

/**
 * A check as libjuice understands it: to it a tie-breaker of zero is none, and Chromium's checks by TURN over TCP have that (libjuice issue 355).
 * Changes the message in place, and seals it anew with `password`.
 */
export function repairCheck(packet: Buffer, password: string): void {
  const found = attributes(packet);
  for (const type of [ICE_CONTROLLED, ICE_CONTROLLING]) {
    const role = found?.get(type);
    if (role?.length !== 8 || packet.readBigUInt64BE(role.at) !== 0n) continue;
    packet.writeBigUInt64BE(1n, role.at);
    seal(packet, password);
  }
}

/** The answer to a check as its sender must see it: with the address that we know of it, not the one of our detour. Changes it in place; IPv4 only. */
export function repairAnswer(packet: Buffer, remote: { readonly address: string; readonly port: number }, password: string): void {
  if (stunType(packet) !== BINDING_SUCCESS) return;
  const mapped = attributes(packet)?.get(XOR_MAPPED_ADDRESS);
  const octets = remote.address.split(".").map(Number);
  if (mapped?.length !== 8 || packet[mapped.at + 1] !== 1 || octets.length !== 4) return;
  packet.writeUInt16BE(remote.port ^ (COOKIE >>> 16), mapped.at + 2);
  packet.writeUInt32BE((Buffer.from(octets).readUInt32BE(0) ^ COOKIE) >>> 0, mapped.at + 4);
  seal(packet, password);
}

function seal(packet: Buffer, password: string): void {
  const found = attributes(packet);
  const code = found?.get(MESSAGE_INTEGRITY);
  if (code) integrity(packet, code.at, password).copy(packet, code.at);
  const sum = found?.get(FINGERPRINT);
  if (sum) packet.writeUInt32BE((crc32(packet.subarray(0, sum.at - 4)) ^ 0x5354554e) >>> 0, sum.at);
}

/** The length in the header counts to the end of the attribute (RFC 8489 section 14.5): 20 octets of it from `at` on, without the 20 of the header. */
function integrity(packet: Buffer, at: number, password: string): Buffer {
  const covered = Buffer.from(packet.subarray(0, at - 4));
  covered.writeUInt16BE(at, 2);
  return createHmac("sha1", password).update(covered).digest();
}
