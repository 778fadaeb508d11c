import { describe, test } from "vitest";
import { PEERS, type PeerName, peerAvailable } from "./peer-packages.ts";

/**
 * A suite that needs real programs. Where one is missing the suite is skipped and named; with CI=true it fails instead,
 * so that a green run never hides a peer that was not there.
 */
export function describeWithPeers(name: string, needs: readonly PeerName[], body: () => void): void {
  const missing = needs.filter((peer) => !peerAvailable(peer));
  const title = `${name} [${needs.join(", ")}]`;
  if (missing.length === 0) {
    describe(title, body);
  } else if (process.env["CI"] === "true" && missing.some((peer) => !("optional" in PEERS[peer]))) {
    describe(title, () => {
      test("its peers are installed", () => {
        throw new Error(`missing: ${missing.map((peer) => `${peer} (Debian package ${PEERS[peer].packages.join(", ")})`).join("; ")}`);
      });
    });
  } else {
    describe.skip(`${title}: missing ${missing.join(", ")}`, body);
  }
}
