import { createSocket } from "node:dgram";
import { describe, expect, it } from "vitest";
import type { Clock } from "../../../../src/base/clock.ts";
import { Gatekeeper, type GatekeeperEvent, RasClient } from "../../../../src/h323/index.ts";
import { openRasSocket } from "../../../../src/io/index.ts";
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
      return client.takeOutputs().flatMap((o) => (o.type === "send" ? [o.bytes] : []))[0]!;
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
});
