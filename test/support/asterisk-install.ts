import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PEERS_ROOT = join(tmpdir(), "crosspoint-peers");

/** Releases of Asterisk, by the peer's name, with Debian's suite of each and where it is unpacked: outside the checkout, so that it serves many runs. */
export const ASTERISKS = {
  asterisk: { suite: "bullseye", root: process.env["CROSSPOINT_ASTERISK_ROOT"] ?? join(PEERS_ROOT, "asterisk-bullseye") },
  "asterisk-22": { suite: "sid", root: process.env["CROSSPOINT_ASTERISK_22_ROOT"] ?? join(PEERS_ROOT, "asterisk-sid") },
} as const;
export type AsteriskName = keyof typeof ASTERISKS;

export function isAsterisk(peer: string): peer is AsteriskName {
  return peer in ASTERISKS;
}

/** Whether the unpacked Asterisk, with its H.323 channel, is there. */
export function asteriskInstalled(name: AsteriskName): boolean {
  return existsSync(join(ASTERISKS[name].root, "complete"));
}

/**
 * Unpacks Asterisk with chan_ooh323 into its own folder with all it needs down to the C library, to be run by chroot: 16 of Debian 11, 22 of its unstable
 * suite. Needs root, 350 MB, 15 to 60 s; nothing on the machine itself is installed or changed. Debian 12 has no Asterisk. Throws when a package cannot be
 * had.
 */
export function installAsterisk(name: AsteriskName): void {
  const { suite, root } = ASTERISKS[name];
  const run = (command: string, args: readonly string[]) =>
    execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 });
  const mirror = run("apt-get", ["indextargets", "--format", "$(SITE)", "Created-By: Packages"])
    .split("\n")
    .find((site) => /\/debian\/?$/.test(site));
  if (mirror === undefined) throw new Error("no Debian mirror among apt's sources");
  const apt = `${root}.apt`;
  rmSync(root, { recursive: true, force: true });
  rmSync(apt, { recursive: true, force: true });
  for (const folder of ["lists/partial", "cache/archives/partial", "etc/preferences.d"]) mkdirSync(join(apt, folder), { recursive: true });
  writeFileSync(join(apt, "status"), "");
  writeFileSync(join(apt, "etc/sources.list"), `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${suite} main\n`);
  const options = {
    "Dir::Etc": `${apt}/etc`,
    "Dir::Etc::SourceList": `${apt}/etc/sources.list`,
    "Dir::Etc::SourceParts": "/dev/null",
    "Dir::Etc::Parts": "/dev/null",
    "Dir::State": apt,
    "Dir::State::Lists": `${apt}/lists`,
    "Dir::State::Status": `${apt}/status`,
    "Dir::Cache": `${apt}/cache`,
    "APT::Install-Recommends": "0",
    "Acquire::Languages": "none",
    "Debug::NoLocking": "1",
    "APT::Sandbox::User": "root",
  };
  const flags = Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  run("apt-get", [...flags, "-qq", "update"]);
  run("apt-get", [...flags, "-qq", "-y", "--download-only", "install", "asterisk", "asterisk-ooh323", "asterisk-config"]);
  for (const folder of ["usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "proc", "dev", "tmp", "run", "etc"])
    mkdirSync(join(root, folder), { recursive: true });
  for (const link of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${link}`, join(root, link));
  for (const deb of readdirSync(join(apt, "cache/archives")).filter((name) => name.endsWith(".deb"))) {
    // Merged /usr: the archive's ./lib must land behind the link made above.
    run("sh", [
      "-c",
      'dpkg-deb --fsys-tarfile "$1" | tar -xf - -C "$2" --keep-directory-symlink --exclude=./usr/share/doc --exclude=./usr/share/man',
      "sh",
      join(apt, "cache/archives", deb),
      root,
    ]);
  }
  run("ldconfig", ["-r", root]);
  rmSync(apt, { recursive: true, force: true });
  writeFileSync(join(root, "complete"), suite);
}
