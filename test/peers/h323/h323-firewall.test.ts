import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Participant } from "../../../src/meetings/model.ts";
import { type Crosspoint, startCrosspoint } from "../../support/crosspoint.ts";
import { canFirewall, type Firewall, INSIDE, OUTSIDE, openFirewall } from "../../support/firewall.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { portsOf } from "../../support/ports.ts";

const SERVER_PORT = portsOf("h323-firewall");
const MEMBER_PORT = SERVER_PORT + 220;

const config = (id: string, h323: string) => `unknownCallers: { trust: unverified, srtp: none }
meetings: [{ id: ${id}, name: Open }]
h323: ${h323}
`;

describeWithPeers("a gateway behind a NAT, another outside", ["ip", "iptables"], () => {
  describe.skipIf(!canFirewall())("(root, to have networks of its own)", () => {
    let firewall: Firewall;
    let outside: Crosspoint;
    let inside: Crosspoint;
    beforeAll(async () => {
      firewall = openFirewall(MEMBER_PORT + 2);
      outside = await startCrosspoint({
        port: SERVER_PORT,
        mediaPort: SERVER_PORT + 20,
        listen: OUTSIDE,
        config: config(
          "6000",
          "{ gatekeeper: { endpoints: [{ alias: member, password: sesame }, { alias: 7000, password: sesame }] }, keepAliveSeconds: 5 }",
        ),
      });
      inside = await startCrosspoint({
        port: MEMBER_PORT,
        mediaPort: MEMBER_PORT + 20,
        listen: INSIDE,
        under: firewall.inside,
        config: config("7000", "{}"),
      });
    });
    // a try that failed may have left some
    afterEach(async () => {
      await outside.endCalls();
      await inside.endCalls();
    });
    afterAll(async () => {
      await inside?.stop();
      await outside?.stop();
      firewall?.remove();
    });

    /** Each hears the other: packets come in on both sides, and go on coming. */
    const flowing = async () => {
      const heard = ([one]: readonly Participant[]) => (one?.audio?.packetsIn ?? 0) > 50 && (one?.audio?.packetsOut ?? 0) > 50;
      await outside.waitForParticipants("6000", heard);
      await inside.waitForParticipants("7000", heard);
    };
    const over = async () => {
      for (const { id } of await outside.api<{ id: string }[]>("GET", "/calls")) await outside.api("DELETE", `/calls/${id}`);
      await inside.waitForParticipants("7000", (all) => all.length === 0);
      await outside.waitForParticipants("6000", (all) => all.length === 0);
    };

    it("is not reached without traversal: its own address leads nowhere", async () => {
      await expect(outside.api("POST", "/calls", { uri: `h323:7000@${INSIDE}:${MEMBER_PORT + 3}`, meetingId: "6000" })).rejects.toThrow(
        "502",
      );
      expect(firewall.dropped()).toBeGreaterThan(0);
    });

    it.each([
      { traversal: "h46018", port: SERVER_PORT + 4 },
      { traversal: "h46017", port: SERVER_PORT + 3 },
    ])("registers, is called and calls by $traversal", async ({ traversal, port }) => {
      const text = readFileSync(inside.configFile, "utf8").replace(
        /h323: .*/,
        `h323: { upstream: { gatekeeper: '${OUTSIDE}:${port}', aliases: [member, 7000], password: sesame, traversal: ${traversal} } }`,
      );
      writeFileSync(inside.configFile, text);
      inside.process.kill("SIGHUP");
      const registered = () =>
        inside.logged("h323-gatekeeper-registered").filter((l) => String(l["gatekeeper"]).endsWith(`:${port}`)).length;
      await expect.poll(registered).toBeGreaterThan(0);

      await outside.api("POST", "/calls", { uri: "h323:7000", meetingId: "6000" });
      await flowing();
      await over();
      await inside.api("POST", "/calls", { uri: "h323:6000", meetingId: "7000" });
      await flowing();
      await over();
    });
  });
});
