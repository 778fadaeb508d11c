import { createCipheriv } from "node:crypto";
import { ledgerMemory } from "./ledger.ts";
import { NativeUdp } from "./sockets.ts";

/**
 * Sends a datagram round loopback and seals a packet, and compares: whether what is known of the kernel's structures and of OpenSSL holds here.
 * Throws where it does not, or where there is nothing to be called.
 */
export function selfTest(): void {
  const udp = new NativeUdp(ledgerMemory());
  try {
    const [a, b] = [udp.bindNow("127.0.0.1", 0), udp.bindNow("127.0.0.1", 0)];
    if (!a || !b) throw new Error("loopback cannot be bound");
    let got = "";
    b.receive((datagram, address, port) => {
      got += `${datagram.toString("latin1")} ${address} ${port},`;
    });
    for (const word of ["one", "other"]) a.send(Buffer.from(word), b.port, "127.0.0.1");
    udp.look(8);
    if (got !== `one 127.0.0.1 ${a.port},other 127.0.0.1 ${a.port},`) throw new Error("datagrams come otherwise than they were sent");
    for (const length of [16, 32] as const) {
      const secret = Buffer.alloc(length, 5);
      const packet = Buffer.alloc(100, 6);
      const out = Buffer.alloc(116);
      const cipher = createCipheriv(length === 32 ? "aes-256-gcm" : "aes-128-gcm", secret, Buffer.from("000000010000000200000003", "hex"));
      cipher.setAAD(packet.subarray(0, 12));
      const expected = Buffer.concat([packet.subarray(0, 12), cipher.update(packet.subarray(12)), cipher.final(), cipher.getAuthTag()]);
      const key = udp.aead.key(secret);
      const same = key?.seal(Int32Array.of(1, 2, 3), packet, 12, 100, out) === true && out.equals(expected);
      const back = same && key.open(Int32Array.of(1, 2, 3), out, 12, 100, out) && out.subarray(0, 100).equals(packet);
      key?.free();
      if (!back) throw new Error("AES-GCM comes out otherwise");
    }
  } finally {
    udp.close();
  }
}
