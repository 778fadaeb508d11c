import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ASTERISKS, type AsteriskName, asteriskInstalled, installAsterisk, isAsterisk } from "./asterisk-install.ts";

interface Peer {
  /** Program that proves it is there. */
  readonly program: string;
  /** Debian packages that bring it. */
  readonly packages: readonly string[];
  /** Skipped where it cannot be had, also with CI=true: what it comes from changes by the day. */
  readonly optional?: true;
}

/** Real programs the tests run. Asterisk comes from another suite than the machine's own, in a folder of its own. */
export const PEERS = {
  sipp: { program: "sipp", packages: ["sip-tester"] },
  baresip: { program: "baresip", packages: ["baresip-core"] },
  // the pictures of baresip, and an independent decoder
  ffmpeg: { program: "ffmpeg", packages: ["ffmpeg", "baresip-ffmpeg"] },
  tshark: { program: "tshark", packages: ["tshark"] },
  janus: { program: "janus", packages: ["janus"] },
  chromium: { program: "chromium", packages: ["chromium"] },
  firefox: { program: "firefox-esr", packages: ["firefox-esr"], optional: true },
  turnserver: { program: "turnserver", packages: ["coturn"] },
  ip: { program: "ip", packages: ["iproute2"] },
  iptables: { program: "iptables", packages: ["iptables"] },
  openssl: { program: "openssl", packages: ["openssl"] },
  faketime: { program: "faketime", packages: ["faketime"] },
  // an ACME CA, and the name server it asks
  pebble: { program: "pebble", packages: ["pebble"] },
  rtpengine: { program: "rtpengine", packages: ["rtpengine-daemon"] },
  asterisk: { program: "", packages: ["asterisk", "asterisk-ooh323"] },
  "asterisk-22": { program: "", packages: ["asterisk", "asterisk-ooh323"], optional: true },
} as const satisfies Record<string, Peer>;

export type PeerName = keyof typeof PEERS;

function onPath(program: string): boolean {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      // not in this folder
    }
  }
  return false;
}

/** Whether the peer can be run here. */
export function peerAvailable(peer: PeerName): boolean {
  return isAsterisk(peer) ? asteriskInstalled(peer) : onPath(PEERS[peer].program);
}

/** Whether packages can be installed: root, on Debian. */
export function canInstall(): boolean {
  return (
    process.getuid?.() === 0 &&
    existsSync("/etc/debian_version") &&
    onPath("apt-get") &&
    /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"))
  );
}

/** Installs what is missing, and says what it could not. Throws nothing: a missing peer is reported by the suites that need it. */
export function installPeers(log: (line: string) => void): void {
  const wanted = (Object.keys(PEERS) as PeerName[]).filter((peer) => !isAsterisk(peer) && !peerAvailable(peer));
  const apt = (args: readonly string[]) =>
    execFileSync("apt-get", ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300", ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeout: 600_000,
    });
  const attempt = (what: string, action: () => void) => {
    try {
      action();
    } catch (error) {
      log(`could not install ${what}: ${error instanceof Error ? error.message.split("\n").slice(0, 4).join(" ") : String(error)}`);
    }
  };
  if (wanted.length > 0) {
    attempt("the package lists", () => apt(["update"]));
    const install = (packages: readonly string[]) =>
      attempt(packages.join(" "), () => apt(["install", "-y", "--no-install-recommends", ...packages]));
    const needed = wanted.filter((peer) => !("optional" in PEERS[peer])).flatMap((peer) => [...PEERS[peer].packages]);
    if (needed.length > 0) install(needed);
    // each by itself: one that cannot be had keeps no other away
    for (const peer of wanted) if ("optional" in PEERS[peer]) install(PEERS[peer].packages);
  }
  for (const name of Object.keys(ASTERISKS) as AsteriskName[]) if (!asteriskInstalled(name)) attempt(name, () => installAsterisk(name));
}
