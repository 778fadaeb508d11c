import { createCipheriv, getDiffieHellman, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { composeCapabilities } from "../../../src/h323/control/capabilities.ts";
import { offerAudio } from "../../../src/h323/control/channels.ts";
import type { ProtectedEvent } from "../../../src/h323/index.ts";
import { PayloadCipher } from "../../../src/h323/security/h235-cipher.ts";
import { algorithmOf, KeyExchange, type SharedSecret } from "../../../src/h323/security/h235-keys.ts";
import { MediaSecurity } from "../../../src/h323/security/media-security.ts";
import { decodeSignalling, encodeSignalling, h235 } from "../../../src/wire/h225/index.ts";
import { decodeControl, encodeControl } from "../../../src/wire/h245/index.ts";
import { decode, encode } from "../../../src/wire/per/index.ts";
import { callConfig, mediaOf, Pair, seededOctets } from "../../support/h323-pair.ts";

const AES_128 = algorithmOf("2.16.840.1.101.3.4.1.2")!;
const AES_256 = algorithmOf("2.16.840.1.101.3.4.1.42")!;

function rtp(payload: Uint8Array, { sequence = 0x1234, timestamp = 0x89abcdef, payloadType = 0, first = 0x80 } = {}): Uint8Array {
  const header = Buffer.from([first, payloadType, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
  header.writeUInt16BE(sequence, 2);
  header.writeUInt32BE(timestamp, 4);
  return Buffer.concat([header, payload]);
}

describe("RTP payloads in AES-CBC", () => {
  const key = Buffer.from("2b7e151628aed2a6abf7158809cf4f3c", "hex");
  const cipher = new PayloadCipher(AES_128, key, 113);
  /** What H.235.6 says the vector is: sequence number and timestamp, over and over. */
  const vector = Buffer.from("123489abcdef123489abcdef123489ab", "hex");

  it("is plain CBC from the repeated sequence number and timestamp", () => {
    const payload = Buffer.from("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", "hex");
    const expected = createCipheriv("aes-128-cbc", key, vector).setAutoPadding(false).update(payload);
    const packet = cipher.encrypt(rtp(payload))!;
    expect(packet.subarray(12)).toEqual(expected);
    expect([packet[0], packet[1]]).toEqual([0x80, 113]);
    expect(cipher.decrypt(packet, 0)).toEqual(rtp(payload));
  });

  it("pads what does not fill a block, and says so in the header", () => {
    const packet = cipher.encrypt(rtp(Buffer.alloc(20, 7)))!;
    expect(packet.length).toBe(12 + 32);
    expect(packet[0]).toBe(0xa0);
    expect(cipher.decrypt(packet, 8)).toEqual(rtp(Buffer.alloc(20, 7), { payloadType: 8 }));
  });

  it.each([AES_128, AES_256])("gives back what was put in, of every length and with every header: $name", (algorithm) => {
    const random = seededOctets(7);
    const own = new PayloadCipher(algorithm, random(algorithm.keyLength), 113);
    for (let length = 1; length <= 340; length++) {
      const extension = length % 3 === 0 ? Buffer.from([0xbe, 0xde, 0, 1, 9, 9, 9, 9]) : Buffer.alloc(0);
      const sources = random((length % 4) * 4);
      const first = 0x80 | (length % 4) | (extension.length > 0 ? 0x10 : 0);
      const plain = rtp(Buffer.concat([sources, extension, random(length)]), { sequence: length, first, payloadType: 0x80 | 9 });
      const packet = own.encrypt(plain)!;
      expect(packet.length).toBe(plain.length + ((16 - (length % 16)) % 16));
      expect(packet[1]).toBe(0x80 | 113);
      expect(Buffer.from(plain).equals(own.decrypt(packet, 9)!)).toBe(true);
    }
  });

  it("takes ciphertext stealing: last two blocks exchanged, the last cut", () => {
    const random = seededOctets(3);
    for (let length = 17; length < 200; length++) {
      if (length % 16 === 0) continue;
      const payload = random(length);
      // As the standard tells it: the text filled with zeros, its last two blocks of cipher exchanged, what is too much cut off.
      const filled = Buffer.concat([payload, Buffer.alloc(16 - (length % 16))]);
      const blocks = createCipheriv("aes-128-cbc", key, vector).setAutoPadding(false).update(filled);
      const stolen = Buffer.concat([blocks.subarray(0, -32), blocks.subarray(-16), blocks.subarray(-32, -16)]).subarray(0, length);
      expect(Buffer.from(rtp(payload)).equals(cipher.decrypt(rtp(stolen, { payloadType: 113 }), 0)!)).toBe(true);
    }
  });

  it("drops what is no RTP, what is too short, and padding that cannot be", () => {
    expect(cipher.encrypt(Buffer.alloc(12))).toBeUndefined();
    expect(cipher.encrypt(Buffer.alloc(3, 0x80))).toBeUndefined();
    expect(cipher.decrypt(rtp(Buffer.alloc(0)), 0)).toBeUndefined();
    expect(cipher.decrypt(rtp(Buffer.alloc(15)), 0)).toBeUndefined();
    expect(cipher.decrypt(rtp(Buffer.alloc(20), { first: 0xa0 }), 0)).toBeUndefined();
    const badly = createCipheriv("aes-128-cbc", key, vector).setAutoPadding(false).update(Buffer.alloc(16, 17));
    expect(cipher.decrypt(rtp(badly, { first: 0xa0 }), 0)).toBeUndefined();
    const random = seededOctets(11);
    for (let i = 0; i < 2000; i++) {
      const octets = random(1 + (i % 90));
      octets[0] = (octets[0]! & 0x3f) | 0x80;
      cipher.decrypt(octets, 0);
      cipher.encrypt(octets);
    }
  });

  it("shows nothing of its key", () => {
    const seen = JSON.stringify(cipher) + String(cipher) + Object.values(cipher).join();
    expect(seen).not.toContain(key.toString("hex"));
    expect(Object.keys(cipher)).toEqual(["algorithm", "payloadType"]);
  });
});

describe("Diffie-Hellman in tokens", () => {
  const media = randomBytes(16);
  const agree = (from = new KeyExchange()): [SharedSecret, SharedSecret] => {
    const answer = new KeyExchange().answer(from.offer())!;
    return [from.answered(answer.tokens)!, answer.secret];
  };

  it("comes to the same secret on both sides, of the strongest group both have", () => {
    const [a, b] = agree();
    expect(a.strength).toBe(2048);
    expect(a.algorithms.map((m) => m.name)).toEqual(["H235_AES_256_CBC", "H235_AES_192_CBC", "H235_AES_128_CBC"]);
    for (const algorithm of a.algorithms) {
      const key = randomBytes(algorithm.keyLength);
      expect(b.unseal(algorithm, a.seal(algorithm, key))).toEqual(new Uint8Array(key));
    }
    const caller = new KeyExchange();
    const weak = new KeyExchange().answer(caller.offer().filter((t) => t.tokenOID !== "0.0.8.235.0.3.45"))!;
    expect(weak.tokens.map((t) => t.tokenOID)).toEqual(["0.0.8.235.0.3.43", "0.0.8.235.0.3.24"]);
    expect(weak.secret).toMatchObject({ strength: 1024, algorithms: [{ name: "H235_AES_128_CBC" }] });
    expect(caller.answered(weak.tokens)?.strength).toBe(1024);
  });

  it("is what the Recommendation says: RFC 2409's 1024 bits, the key the last octets of the secret, CBC from zero", () => {
    const theirs = getDiffieHellman("modp2");
    theirs.generateKeys();
    const [token] = new KeyExchange().offer().filter((t) => t.tokenOID === "0.0.8.235.0.3.43");
    expect(token?.dhkey?.halfkey.length).toBe(1024);
    expect(Buffer.from(token!.dhkey!.modSize.bytes).toString("hex")).toMatch(/^f{16}c90fdaa22168c234.*49286651ece65381f{16}$/);
    expect(Buffer.from(token!.dhkey!.generator.bytes).toString("hex")).toMatch(/^0{255}2$/);
    const halfkey = { bytes: new Uint8Array(theirs.getPublicKey()), length: theirs.getPublicKey().length * 8 };
    const nothing = { bytes: new Uint8Array(0), length: 0 };
    const version3 = { tokenOID: "0.0.8.235.0.3.24" };
    const answer = new KeyExchange().answer([
      { tokenOID: "0.0.8.235.0.3.43", dhkey: { halfkey, modSize: nothing, generator: nothing } },
      version3,
    ])!;
    const secret = theirs.computeSecret(answer.tokens[0]!.dhkey!.halfkey.bytes);
    const sealed = decode(h235.H235Key, answer.secret.seal(AES_128, media));
    const expected = createCipheriv("aes-128-cbc", secret.subarray(-16), Buffer.alloc(16)).setAutoPadding(false).update(media);
    expect(sealed.secureSharedSecret).toMatchObject({ algorithmOID: AES_128.oid, encryptedSessionKey: new Uint8Array(expected) });
  });

  it("reads and writes keys as version 2 has them", () => {
    const caller = new KeyExchange();
    const old = caller.offer().filter((t) => t.tokenOID !== "0.0.8.235.0.3.24");
    const answer = new KeyExchange().answer(old)!;
    const bytes = answer.secret.seal(AES_128, media);
    expect(decode(h235.H235Key, bytes).sharedSecret?.algorithmOID).toBe(AES_128.oid);
    expect(caller.answered(answer.tokens)?.unseal(AES_128, bytes)).toEqual(new Uint8Array(media));
  });

  it("takes no half key that gives the secret away, no other prime, no group that was not offered", () => {
    const [strong] = new KeyExchange().offer();
    const prime = getDiffieHellman("modp14").getPrime();
    const withHalf = (bytes: Uint8Array) => ({ ...strong!, dhkey: { ...strong!.dhkey!, halfkey: { bytes, length: bytes.length * 8 } } });
    const minusOne = Buffer.from(prime);
    minusOne[minusOne.length - 1]! -= 1;
    for (const bytes of [
      Buffer.alloc(256),
      Buffer.concat([Buffer.alloc(255), Buffer.of(1)]),
      prime,
      minusOne,
      Buffer.alloc(256, 0xff),
      Buffer.alloc(0),
    ])
      expect(new KeyExchange().answer([withHalf(bytes)])).toBeUndefined();
    const other = Buffer.from(prime);
    other[100]! ^= 1;
    expect(
      new KeyExchange().answer([{ ...strong!, dhkey: { ...strong!.dhkey!, modSize: { bytes: other, length: 2048 } } }]),
    ).toBeUndefined();
    const callee = new KeyExchange().answer(new KeyExchange().offer())!;
    expect(new KeyExchange().answered(callee.tokens)).toBeUndefined();
  });

  it("gives no key for octets that are none", () => {
    const [a, b] = agree();
    const bytes = a.seal(AES_128, media);
    expect(b.unseal(AES_256, bytes)).toBeUndefined();
    const random = seededOctets(5);
    for (let i = 0; i < 500; i++) b.unseal(AES_128, random(i % 60));
    expect(b.unseal(AES_128, encode(h235.H235Key, { secureChannel: { bytes: media, length: 128 } }))).toBeUndefined();
  });
});

describe("a call with media encryption", () => {
  const protectedOf = (end: Pair["a"]) => end.events.filter((e): e is ProtectedEvent => e.type === "protected");
  const opened = (end: Pair["a"]) => end.events.filter((e) => e.type === "transmit" || e.type === "receive").map((e) => e.type);
  const call = (a: object, b: object, style = {}) => new Pair(callConfig("a", style, a), callConfig("b", style, b));

  it.each([
    { fastStart: true, tunnelling: true, earlyControl: false },
    { fastStart: false, tunnelling: true, earlyControl: true },
    { fastStart: true, tunnelling: false, earlyControl: false },
    { fastStart: false, tunnelling: false, earlyControl: false },
  ])("has the same keys at both ends: %o", (style) => {
    const pair = call({ encryption: "preferred" }, { encryption: "preferred" }, style).call().run(3000);
    expect(pair.b.events.find((e) => e.type === "incoming")).toMatchObject({ call: { encryption: true } });
    for (const [from, to] of [
      [pair.a, pair.b],
      [pair.b, pair.a],
    ] as const) {
      expect(opened(from).toSorted()).toEqual(["receive", "transmit"]);
      const sends = protectedOf(from).find((e) => e.direction === "transmit")!;
      const hears = protectedOf(to).find((e) => e.direction === "receive")!;
      expect(hears.channel).toBe(sends.channel);
      expect(sends.cipher.algorithm.name).toBe("H235_AES_256_CBC");
      const packet = sends.cipher.encrypt(rtp(Buffer.alloc(160, 0x55)))!;
      expect(packet[1]! & 0x7f).toBe(hears.cipher.payloadType);
      expect(hears.cipher.decrypt(packet, 0)).toEqual(Buffer.from(rtp(Buffer.alloc(160, 0x55))));
      // What is protected is told before what is open.
      for (const direction of ["transmit", "receive"] as const)
        expect(from.events.findIndex((e) => e.type === "protected" && e.direction === direction)).toBeLessThan(
          from.events.findIndex((e) => e.type === direction),
        );
    }
    const [x, y] = protectedOf(pair.a);
    const probe = rtp(Buffer.alloc(32, 1));
    expect(x!.cipher.encrypt(probe)).not.toEqual(y!.cipher.encrypt(probe));
  });

  it("does not come up in clear where the caller's H.245 was in Setup, before any key was agreed on (H.323 8.2.4, H.235.6)", () => {
    const style = { fastStart: false, tunnelling: true };
    const pair = call({ encryption: "preferred" }, { encryption: "preferred" }, style);
    pair.call();
    // the caller's first messages, put into its Setup: its capabilities say nothing of ciphers yet
    const [setup] = pair.a.machine.drain();
    if (setup?.type !== "signalling") throw new Error("no Setup");
    const message = decodeSignalling(setup.bytes);
    const set = encodeControl({ request: { terminalCapabilitySet: composeCapabilities(callConfig("a").capabilities, 1) } });
    const determination = encodeControl({ request: { masterSlaveDetermination: { terminalType: 50, statusDeterminationNumber: 4711 } } });
    const info = message.info!;
    const pdu = { ...info["h323-uu-pdu"], h245Control: [set, determination] };
    const bytes = encodeSignalling({ ...message, info: { ...info, "h323-uu-pdu": pdu } });
    pair.b.machine.signalling(bytes, pair.now);
    const said = () =>
      pair.wire
        .filter(({ from, kind }) => from === "b" && kind === "signalling")
        .map((sent) => decodeSignalling(sent.bytes))
        .map(({ type, info: its }) => ({ type, control: (its?.["h323-uu-pdu"].h245Control ?? []).map(decodeControl) }));
    pair.run(500);
    // nothing of H.245 before Connect, which has our half of the key; then the caller is asked to say its ciphers
    const before = said().slice(
      0,
      said().findIndex(({ type }) => type === "connect"),
    );
    expect(before.flatMap(({ control }) => control)).toEqual([]);
    expect(
      said()
        .flatMap(({ control }) => control)
        .some(({ command }) => command?.sendTerminalCapabilitySet !== undefined),
    ).toBe(true);
    expect(
      said()
        .flatMap(({ control }) => control)
        .some(({ request }) => request?.openLogicalChannel !== undefined),
    ).toBe(false);
  });

  it.each([
    ["preferred", "none"],
    ["none", "preferred"],
  ])("is in clear where one side does not want it: %s calls %s", (a, b) => {
    const pair = call({ encryption: a }, { encryption: b }).call().run(3000);
    expect(protectedOf(pair.a).concat(protectedOf(pair.b))).toEqual([]);
    expect(opened(pair.a).toSorted()).toEqual(["receive", "transmit"]);
  });

  it.each([true, false])("takes nothing in clear where it is required, fast start %s", (fastStart) => {
    const pair = call({}, { encryption: "required" }, { fastStart }).call().run(3000);
    expect(pair.b.events.find((e) => e.type === "incoming")).toMatchObject({ call: { encryption: false } });
    expect(opened(pair.b)).toEqual([]);
    expect(pair.b.events.at(-1)).toMatchObject({ type: "released", cause: 79, by: "us" });
  });

  it("is ended with cause 79 where it is required and the callee cannot", () => {
    const pair = call({ encryption: "required" }, {}).call().run(3000);
    expect(pair.a.events.at(-1)).toMatchObject({ type: "released", cause: 79, by: "us" });
    expect(pair.b.events.at(-1)).toMatchObject({ type: "released", cause: 79, by: "peer" });
    expect(opened(pair.a)).toEqual([]);
  });

  it("opens nothing in clear where it is required, whatever the peer tries", () => {
    const pair = call({ encryption: "preferred" }, { encryption: "required" });
    pair.call().run(3000);
    const before = pair.b.sent.length;
    const plain = {
      request: {
        openLogicalChannel: {
          forwardLogicalChannelNumber: 77,
          forwardLogicalChannelParameters: {
            dataType: { audioData: { g711Ulaw64k: 20 } },
            multiplexParameters: { h2250LogicalChannelParameters: { sessionID: 1 } },
            replacementFor: 1,
          },
        },
      },
    };
    pair.b.machine.controlMessage(encodeControl(plain), pair.now);
    pair.run(100);
    expect(pair.b.sent.slice(before).join()).toContain("openLogicalChannelReject");
    expect(pair.b.events.filter((e) => e.type === "receive")).toHaveLength(1);
  });

  it("may be told by the callee's policy, once it knows who calls", () => {
    for (const policy of ["none", "required"] as const) {
      const pair = call({ encryption: "preferred" }, { encryption: "preferred" });
      pair.onB = (event, machine, now) => {
        if (event.type !== "incoming") return;
        machine.setEncryption(policy);
        machine.setMedia(mediaOf("192.0.2.2", 6004), now);
        machine.answer(now);
      };
      pair.call().run(3000);
      expect(pair.a.machine.encrypts).toBe(policy === "required");
      expect(protectedOf(pair.a)).toHaveLength(policy === "required" ? 2 : 0);
      expect(opened(pair.a)).toHaveLength(2);
    }
  });

  it("names ciphers of every codec in the capabilities, and takes no telephone events beside them", () => {
    const pair = call({ encryption: "preferred" }, { encryption: "preferred" }).call().run(3000);
    const sets = pair.wire
      .filter((m) => m.kind === "signalling")
      .flatMap((m) => decodeSignalling(m.bytes).info?.["h323-uu-pdu"].h245Control ?? [])
      .flatMap((bytes) => decodeControl(bytes).request?.terminalCapabilitySet ?? []);
    expect(sets).toHaveLength(2);
    for (const set of sets) {
      const table = set.capabilityTable!.map((e) => e.capability!);
      expect(table.some((c) => c.receiveRTPAudioTelephonyEventCapability)).toBe(false);
      const security = table.flatMap((c) => c.h235SecurityCapability ?? []);
      expect(security.map((s) => s.mediaCapability)).toEqual([1, 2]);
      const [first] = set.capabilityDescriptors![0]!.simultaneousCapabilities!;
      expect(first).toHaveLength(4);
    }
  });

  it("survives damaged messages", () => {
    const random = seededOctets(21);
    const seen = call({ encryption: "preferred" }, { encryption: "required" }).call().run(3000).wire;
    for (let round = 0; round < 120; round++) {
      const pair = call({ encryption: "preferred" }, { encryption: "required" }, { tunnelling: false });
      pair.call().run(50);
      for (const { bytes, kind } of seen) {
        const damaged = Uint8Array.from(bytes);
        const [at = 0, value = 0] = random(2);
        damaged[at % damaged.length] = value;
        const end = round % 2 === 0 ? pair.a : pair.b;
        if (kind === "control") end.machine.controlMessage(damaged, pair.now);
        else end.machine.signalling(damaged, pair.now);
      }
      pair.run(1000);
    }
  });
});

describe("a channel that is refused", () => {
  it("leaves no key behind", () => {
    const [caller, callee] = [new MediaSecurity("preferred", seededOctets(1)), new MediaSecurity("preferred", seededOctets(2))];
    callee.offered(caller.offer());
    caller.answered(callee.answer());
    const set = composeCapabilities(callConfig("b").capabilities, 1);
    const secured = callee.outgoing({ request: { terminalCapabilitySet: set } });
    if ("fail" in secured) throw new Error(secured.fail);
    caller.incoming(secured);
    caller.heard({ type: "established", role: "master" });
    const opening = caller.outgoing({
      request: { openLogicalChannel: offerAudio(7, { codec: "PCMU", maxPtime: 20 }, mediaOf("192.0.2.1")) },
    });
    if ("fail" in opening) throw new Error(opening.fail);
    expect(opening.request?.openLogicalChannel?.encryptionSync).toBeDefined();
    const ack = { response: { openLogicalChannelAck: { forwardLogicalChannelNumber: 7 } } };
    callee.incoming(opening);
    callee.outgoing({ response: { openLogicalChannelReject: { forwardLogicalChannelNumber: 7, cause: { unspecified: true } } } });
    callee.outgoing(ack);
    expect(callee.drain()).toEqual([]);
    callee.incoming(opening);
    callee.outgoing(ack);
    expect(callee.drain()).toMatchObject([{ direction: "receive", channel: 7 }]);
  });
});
