import { createSocket } from "node:dgram";
import { describe, expect, it } from "vitest";
import type { Clock } from "../../../../src/base/clock.ts";
import { Gatekeeper, type GatekeeperEvent, RasClient } from "../../../../src/h323/index.ts";
import { openRasSocket } from "../../../../src/io/index.ts";
import { RasAnswers } from "../../../../src/io/h323/ras-answers.ts";
import { encodeRas, H225_VERSION, type RasMessage } from "../../../../src/wire/h225/index.ts";
import { clientConfig, gatekeeperConfig } from "../../../support/ras-net.ts";

describe("RAS over a socket", () => {
  it("a host that sends too much is read no more for a while, others are", async () => {
    let now = 0;
    const clock: Clock = { now: () => now, wall: () => now };
    const gatekeeper = await openRasSocket<Gatekeeper, GatekeeperEvent>(
      { host: "127.0.0.1", port: 0, clock, onEvent: () => {} },
      (ras) => new Gatekeeper(gatekeeperConfig({ ras, signalling: ras, maxPerSource: 10_000, maxEndpoints: 10_000 })),
    );
    const registration = (host: string, number: string) => {
      const client = new RasClient(clientConfig(host, number, { discover: false, gatekeeper: gatekeeper.address }));
      client.start(0);
      return client.drain().flatMap((o) => (o.type === "send" ? [o.bytes] : []))[0]!;
    };
    const socketAt = (host: string) => {
      const socket = createSocket("udp4");
      return new Promise<typeof socket>((resolve) => socket.bind(0, host, () => resolve(socket)));
    };
    const send = (socket: Awaited<ReturnType<typeof socketAt>>, bytes: Uint8Array) =>
      new Promise<void>((resolve) => socket.send(bytes, gatekeeper.address.port, "127.0.0.1", () => resolve()));
    const [loud, quiet] = await Promise.all([socketAt("127.0.0.1"), socketAt("127.0.0.2")]);
    // Rubbish counts as much as anything else.
    for (let i = 0; i < 499; i++) {
      await send(loud, Uint8Array.of(1, 2, 3));
      // Or the system drops them before they are read.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await send(loud, registration("127.0.0.1", "1"));
    await send(loud, registration("127.0.0.1", "2"));
    await send(quiet, registration("127.0.0.2", "3"));
    await expect.poll(() => gatekeeper.machine.find("3")).toBeDefined();
    expect([gatekeeper.machine.find("1"), gatekeeper.machine.find("2")].map((r) => r?.ras.host)).toEqual(["127.0.0.1", undefined]);
    now = 10_001;
    await send(loud, registration("127.0.0.1", "2"));
    await expect.poll(() => gatekeeper.machine.find("2")).toBeDefined();
    for (const socket of [loud, quiet]) socket.close();
    await gatekeeper.close();
  });

  it("answers a source with three times its own bytes, and beyond that with a few messages", () => {
    const answers = new RasAnswers();
    let sent = 0;
    for (let n = 0; n < 100; n++) {
      answers.received("192.0.2.1", 10_000 + n, 20, 0);
      if (answers.admits("192.0.2.1", 10_000 + n, 60, 0)) sent++;
    }
    expect(sent).toBe(100);
    const longer = (host: string, now: number) => {
      let count = 0;
      for (let n = 0; n < 100; n++) {
        const port = 20_000 + now + n;
        answers.received(host, port, 20, now);
        if (answers.admits(host, port, 61, now)) count++;
      }
      return count;
    };
    expect(longer("192.0.2.1", 0)).toBe(10);
    expect(longer("192.0.2.1", 1_000)).toBe(2);
    expect(longer("2001:db8::1", 0)).toBe(10);
    expect(longer("2001:db8::2", 0)).toBe(0);
    expect(longer("2001:db8:0:1::1", 0)).toBe(10);
  });

  it("sends a thousand refreshes in one name no more than three times their bytes, though the names are long", async () => {
    let now = 0;
    const clock: Clock = { now: () => now, wall: () => now };
    const gatekeeper = await openRasSocket<Gatekeeper, GatekeeperEvent>(
      { host: "127.0.0.1", port: 0, clock, onEvent: () => {} },
      (ras) => new Gatekeeper(gatekeeperConfig({ ras, signalling: ras, password: () => undefined })),
    );
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", () => resolve()));
    let received = 0;
    let answers = 0;
    socket.on("message", (bytes) => {
      received += bytes.length;
      answers++;
    });
    const aliases = Array.from({ length: 32 }, (_, n) => ({ "h323-ID": `${n}`.padEnd(100, "x") }));
    const { port } = socket.address();
    const registration = (more: object) =>
      encodeRas({
        registrationRequest: {
          requestSeqNum: 1,
          protocolIdentifier: H225_VERSION,
          discoveryComplete: false,
          callSignalAddress: [{ ipAddress: { ip: Uint8Array.of(127, 0, 0, 1), port: 1720 } }],
          rasAddress: [{ ipAddress: { ip: Uint8Array.of(127, 0, 0, 1), port } }],
          terminalType: { mc: false, undefinedNode: false },
          endpointVendor: { vendor: { t35CountryCode: 0, t35Extension: 0, manufacturerCode: 0 } },
          ...more,
        },
      } as RasMessage);
    const send = (bytes: Uint8Array) =>
      new Promise<void>((resolve) => socket.send(bytes, gatekeeper.address.port, "127.0.0.1", () => resolve()));
    await send(registration({ terminalAlias: aliases }));
    await expect.poll(() => answers).toBe(1);
    now = 20_000;
    received = 0;
    let sent = 0;
    const { endpointIdentifier } = gatekeeper.machine.registrations[0]!;
    for (let n = 0; n < 200; n++) {
      const refresh = registration({ keepAlive: true, endpointIdentifier, requestSeqNum: 1 + n });
      sent += refresh.length;
      await send(refresh);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => answers).toBeGreaterThan(150);
    expect(received).toBeLessThanOrEqual(3 * sent);
    socket.close();
    await gatekeeper.close();
  });
});
