import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { CallView } from "../../../src/admin/ports.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { type DnsServer, startDns } from "../../support/dns-server.ts";
import { listening } from "../../support/listening.ts";
import { canMount, inOwnMounts } from "../../support/namespace.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";
import { realDrachtio } from "../../support/real-engines.ts";
import { runSipp, type Step, sipp, type SippOptions } from "../../support/sipp.ts";

/**
 * Where a domain's server is (RFC 3263), asked of a live name server through the system's own resolvers: the gateway has an /etc/resolv.conf that names the
 * test's. Who is called is SIPp.
 */
const NAMESERVER = "127.0.0.18";
const PORT = portsOf("gateway-dns");
/** Of the far ends. */
const FAR = PORT + 220;
const at = (port: number, priority: number, target: string) => ({ priority, port, target });

describeWithPeers("calls to a domain", ["sipp"], () => {
  describe.skipIf(realDrachtio !== undefined || !canMount())("(embedded SIP engine; root, to give it a resolv.conf of its own)", () => {
    const folder = mkdtempSync(join(tmpdir(), "crosspoint-dns-"));
    let gateway: Crosspoint;
    let dns: DnsServer;

    beforeAll(async () => {
      const resolv = join(folder, "resolv.conf");
      writeFileSync(resolv, `nameserver ${NAMESERVER}\noptions timeout:1 attempts:1\n`);
      dns = await startDns(NAMESERVER, {
        // NAPTR wants TCP; the first server of the two is dead: nothing listens there
        "far.test": {
          NAPTR: [
            { order: 20, service: "SIP+D2U", replacement: "_sip._udp.far.test" },
            { order: 10, service: "SIP+D2T", replacement: "_sip._tcp.far.test" },
          ],
        },
        "_sip._tcp.far.test": { SRV: [at(FAR + 22, 20, "b.far.test"), at(FAR + 21, 10, "a.far.test")] },
        "_sip._udp.far.test": { SRV: [at(FAR + 23, 10, "a.far.test")] },
        "a.far.test": { A: ["127.0.0.1"] },
        "b.far.test": { A: ["127.0.0.1"] },
        // no NAPTR; the first server is overloaded
        "busy.test": { A: ["127.0.0.1"] },
        "_sip._udp.busy.test": { SRV: [at(FAR + 26, 20, "b.far.test"), at(FAR + 24, 10, "a.far.test")] },
        // (the system's resolver puts the address nearest to ours first) the first address has nobody at the port; the host says so by ICMP
        "dead.test": { A: ["127.0.0.1", "127.0.0.21"] },
        // the first server takes everything and says nothing
        "silent.test": { A: ["127.0.0.1", "127.0.0.22"] },
        // neither: the address, at the usual port
        "plain.test": { A: ["127.0.0.19"] },
      });
      gateway = await startCrosspoint({
        port: PORT,
        mediaPort: PORT + 20,
        under: inOwnMounts(`mount --bind ${resolv} /etc/resolv.conf`),
      });
    });
    // a try that failed may have left some
    afterEach(() => gateway.endCalls());
    afterAll(async () => {
      await gateway?.stop();
      await dns?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    const listen = (steps: readonly Step[], port: number, more: Partial<SippOptions> = {}) =>
      runSipp(steps, { target: gateway.sip, service: "x", port, ...more });
    /** Calls, waits until the far end is in the meeting, and ends the call. */
    async function call(uri: string, far: ReturnType<typeof runSipp>): Promise<string> {
      const made = await gateway.api<CallView>("POST", "/calls", { uri, meetingId: "1000" });
      await gateway.waitForParticipants("1000", (all) => all.some(({ state }) => state === "joined"));
      await gateway.api("DELETE", `/calls/${made.id}`);
      const { ok, messages, errors } = await far;
      expect({ ok, errors }).toEqual({ ok: true, errors: "" });
      return messages;
    }

    test("go by NAPTR, SRV and A, and on to the second server where the first is dead", async () => {
      const far = listen(sipp.callee(), FAR + 22, { transport: "tcp" });
      await listening(FAR + 22, { protocol: "tcp" });
      const messages = await call("sip:callee@far.test", far);
      expect(messages).toMatch(/^TCP message received/m);
      expect(messages).toMatch(/^INVITE sip:callee@far\.test SIP/m);
      expect(dns.asked).toEqual(expect.arrayContaining(["NAPTR far.test", "SRV _sip._tcp.far.test", "A a.far.test", "A b.far.test"]));
    });

    test("go on to the second server where the first is overloaded (503)", async () => {
      const first = listen(['<recv request="INVITE"/>', sipp.respond("503 Service Unavailable"), '<recv request="ACK"/>'], FAR + 24);
      const second = listen(sipp.callee(), FAR + 26, { mediaPort: FAR + 36 });
      await Promise.all([listening(FAR + 24), listening(FAR + 26)]);
      await call("sip:callee@busy.test;transport=udp", second);
      expect((await first).ok).toBe(true);
    });

    test("go on at once where the first address has nobody at the UDP port (ICMP; RFC 3263 section 4.3)", async () => {
      const far = listen(sipp.callee(), FAR + 42, { host: "127.0.0.21", mediaPort: FAR + 44 });
      await listening(FAR + 42, { address: "127.0.0.21" });
      const began = performance.now();
      await call(`sip:callee@dead.test:${FAR + 42};transport=udp`, far);
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    test("go on where the first server is silent, and begin with the second one the next time", async () => {
      const silent = createSocket("udp4");
      const heard: string[] = [];
      silent.on("message", (data) => heard.push(data.toString("latin1").split(" ")[0]!));
      await new Promise<void>((done) => silent.bind(FAR + 48, "127.0.0.1", done));
      for (let round = 0; round < 2; round++) {
        const far = listen(sipp.callee(), FAR + 48, { host: "127.0.0.22", mediaPort: FAR + 50 });
        await listening(FAR + 48, { address: "127.0.0.22" });
        const before = heard.length;
        await call(`sip:callee@silent.test:${FAR + 48};transport=udp`, far);
        expect(heard.slice(before).includes("INVITE")).toBe(round === 0);
      }
      silent.close();
    });

    test("to a UDP port with nobody behind it fail at once, as unreachable", async () => {
      const began = performance.now();
      await expect(
        gateway.api("POST", "/calls", { uri: `sip:callee@127.0.0.1:${FAR + 54};transport=udp`, meetingId: "1000" }),
      ).rejects.toThrow(/502.*port unreachable/s);
      expect(performance.now() - began).toBeLessThan(5_000);
      await expect.poll(async () => (await gateway.records())[0]?.to).toContain(String(FAR + 54));
      expect((await gateway.records())[0]).toMatchObject({ outcome: "far-end-unreachable", answeredAt: null });
    });

    test("go to the address of a name without either, at port 5060", async () => {
      const far = listen(sipp.callee(), 5060, { host: "127.0.0.19", mediaPort: FAR + 40 });
      await listening(5060, { address: "127.0.0.19" });
      await call("sip:callee@plain.test", far);
      // asked once, and kept for as long as it lives
      const questions = dns.asked.length;
      const again = listen(sipp.callee(), 5060, { host: "127.0.0.19", mediaPort: FAR + 40 });
      await listening(5060, { address: "127.0.0.19" });
      await call("sip:callee@plain.test", again);
      expect(dns.asked.slice(questions).filter((question) => !question.startsWith("A"))).toEqual([]);
    });

    test("to a name that is not there fail at once, and say so", async () => {
      await expect(gateway.api("POST", "/calls", { uri: "sip:callee@nowhere.test", meetingId: "1000" })).rejects.toThrow(
        /502.*nowhere\.test/s,
      );
      await expect.poll(async () => (await gateway.records())[0]?.to).toBe("sip:callee@nowhere.test");
      const [record] = await gateway.records();
      expect(record).toMatchObject({ outcome: "far-end-unreachable", answeredAt: null });
      expect(record?.reason).toMatch(/nowhere\.test|no address|resolve/i);
    });
  });
});
