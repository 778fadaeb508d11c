import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Protection } from "../../../src/legs/h323/media-encryption.ts";
import type { ProtectedEvent } from "../../../src/h323/index.ts";
import { PayloadCipher } from "../../../src/h323/security/h235-cipher.ts";
import { algorithmOf } from "../../../src/h323/security/h235-keys.ts";
import type { RekeyedEvent } from "../../../src/h323/security/key-updates.ts";
import type { RelayFilter, RtpRelay } from "../../../src/io/index.ts";
import { type ControlMessage, encodeControl } from "../../../src/wire/h245/index.ts";
import { callConfig, mediaOf, Pair } from "../../support/h323-pair.ts";

type End = Pair["a"];
const AES = algorithmOf("2.16.840.1.101.3.4.1.2")!;

const rtp = (payloadType: number) =>
  Buffer.concat([Buffer.from([0x80, payloadType, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4]), Buffer.alloc(160, 0x55)]);
const keysOf = (end: End) => end.events.filter((e): e is ProtectedEvent => e.type === "protected");
const updates = (end: End) => end.events.filter((e): e is RekeyedEvent => e.type === "rekeyed");

/** An encrypted call that is up, by which side is master. */
function encrypted() {
  const policy = { encryption: "required" as const };
  const pair = new Pair(callConfig("a", { tunnelling: false }, policy), callConfig("b", { tunnelling: false }, policy)).call().run(3000);
  const isMaster = (end: End) => end.events.some((e) => e.type === "established" && e.role === "master");
  const [master, slave] = isMaster(pair.a) ? [pair.a, pair.b] : [pair.b, pair.a];
  const say = (to: End, miscellaneousCommand: NonNullable<NonNullable<ControlMessage["command"]>["miscellaneousCommand"]>) => {
    to.machine.controlMessage(encodeControl({ command: { miscellaneousCommand } }), pair.now);
    pair.run(100);
  };
  return { pair, master, slave, say };
}

/** What one side's cipher makes the other's reads. */
function agrees(from: PayloadCipher, to: PayloadCipher): void {
  const packet = from.encrypt(rtp(0))!;
  expect(packet[1]! & 0x7f).toBe(to.payloadType);
  expect(to.decrypt(packet, 0)).toEqual(rtp(0));
}

describe("new keys in an encrypted call", () => {
  it.each([
    { whose: "the slave's", opener: "slaveToMaster", direction: "receive" },
    { whose: "the master's", opener: "masterToSlave", direction: "transmit" },
  ] as const)("are made by the master for $whose channel when the slave asks, and used by both", ({ opener, direction }) => {
    const { master, slave, say } = encrypted();
    const { channel: logicalChannelNumber, cipher: before } = keysOf(master).find((e) => e.direction === direction)!;
    say(master, { logicalChannelNumber, type: { encryptionUpdateRequest: { synchFlag: 105 } }, direction: { [opener]: true } as never });
    const [made] = updates(master);
    const [taken] = updates(slave);
    expect([updates(master).length, updates(slave).length]).toEqual([1, 1]);
    expect(made).toMatchObject({ direction, channel: logicalChannelNumber });
    expect(taken?.direction).toBe(direction === "transmit" ? "receive" : "transmit");
    expect(made?.cipher.payloadType).toBe(105);
    if (direction === "transmit") agrees(made!.cipher, taken!.cipher);
    else agrees(taken!.cipher, made!.cipher);
    expect(before.decrypt(made!.cipher.encrypt(rtp(0))!, 0)).not.toEqual(rtp(0));
    // Once more: another payload type than the one in use, though none, or the same, is wished for.
    say(master, { logicalChannelNumber, type: { encryptionUpdateRequest: { synchFlag: 105 } }, direction: { [opener]: true } as never });
    expect(updates(slave)[1]?.cipher.payloadType).toBe(106);
    expect(updates(master)).toHaveLength(2);
  });

  it("are not taken of a slave, nor made for one's own wish, nor of octets that are no key, nor for channels that are not there", () => {
    const { master, slave, say } = encrypted();
    const logicalChannelNumber = keysOf(slave).find((e) => e.direction === "receive")!.channel;
    const junk = { synchFlag: 104, h235Key: randomBytes(30) };
    say(master, { logicalChannelNumber, type: { encryptionUpdateCommand: { encryptionSync: junk } } });
    say(slave, { logicalChannelNumber, type: { encryptionUpdateCommand: { encryptionSync: junk } } });
    say(slave, { logicalChannelNumber, type: { encryptionUpdate: junk } });
    say(slave, { logicalChannelNumber, type: { encryptionUpdateRequest: {} } });
    say(master, { logicalChannelNumber: 999, type: { encryptionUpdateRequest: {} } });
    say(master, { logicalChannelNumber, type: { encryptionUpdateAck: { synchFlag: 104 } } });
    expect([...updates(master), ...updates(slave)]).toEqual([]);
  });

  it("are not made for a channel that is closed", () => {
    const { master, say, pair } = encrypted();
    const logicalChannelNumber = keysOf(master).find((e) => e.direction === "receive")!.channel;
    const closeLogicalChannel = { forwardLogicalChannelNumber: logicalChannelNumber, source: { user: true as const } };
    master.machine.controlMessage(encodeControl({ request: { closeLogicalChannel } }), pair.now);
    pair.run(100);
    say(master, { logicalChannelNumber, type: { encryptionUpdateRequest: {} }, direction: { slaveToMaster: true } });
    expect(updates(master).filter((e) => e.direction === "receive")).toEqual([]);
  });
});

describe("a relay whose keys change", () => {
  it("sends under the new one, and reads what is under way under the one before", async () => {
    let filter: RelayFilter = {};
    const { rtp: server, rtcp } = mediaOf("127.0.0.1");
    const relay = {
      outer: { rtp: server, rtcp },
      inner: { rtp: server, rtcp },
      allow() {},
      close() {},
      set filter(next: RelayFilter) {
        filter = next;
      },
    } as unknown as RtpRelay;
    const protection = new Protection(() => Promise.resolve(relay));
    await protection.cover({ rtp: server, rtcp });
    const cipher = (payloadType: number) => new PayloadCipher(AES, randomBytes(16), payloadType);
    const [first, second, third] = [cipher(112), cipher(113), cipher(114)];
    const format = { codec: "PCMU" as const, maxPtime: 20 };
    for (const direction of ["transmit", "receive"] as const) protection.seen({ type: "protected", direction, channel: 1, cipher: first });
    protection.seen({ type: "transmit", line: "audio", channel: 1, rtp: server, rtcp, format } as never);
    protection.seen({ type: "receive", line: "audio", channel: 1, rtcp, format } as never);
    const reads = () => [first, second, third].map((c) => filter.fromFar!(c.encrypt(rtp(0))!, "rtp") !== undefined);
    expect(reads()).toEqual([true, false, false]);
    protection.seen({ type: "rekeyed", direction: "receive", channel: 1, cipher: second });
    expect(reads()).toEqual([true, true, false]);
    expect(filter.toFar!(rtp(0), "rtp")![1]).toBe(112);
    protection.seen({ type: "rekeyed", direction: "receive", channel: 1, cipher: third });
    protection.seen({ type: "rekeyed", direction: "transmit", channel: 1, cipher: second });
    protection.seen({ type: "rekeyed", direction: "transmit", channel: 2, cipher: third });
    expect(reads()).toEqual([false, true, true]);
    expect(filter.toFar!(rtp(0), "rtp")![1]).toBe(113);
    protection.close();
  });
});
