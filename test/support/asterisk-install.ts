import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where Asterisk is unpacked: outside the checkout, so that it serves many runs. */
export const ASTERISK_ROOT = process.env["CROSSPOINT_ASTERISK_ROOT"] ?? join(tmpdir(), "crosspoint-peers", "asterisk-bullseye");

/** Whether the unpacked Asterisk, with its H.323 channel, is there. */
export function asteriskInstalled(): boolean {
  return existsSync(join(ASTERISK_ROOT, "complete"));
}

/**
 * Unpacks Asterisk 16 with chan_ooh323 of Debian 11 into its own folder, to be run by chroot. Needs root, 350 MB, 15 s;
 * nothing on the machine itself is installed or changed. Debian 12 has no Asterisk. Throws when a package cannot be had.
 */
export function installAsterisk(suite = "bullseye"): void {
  const run = (command: string, args: readonly string[]) =>
    execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 300_000 });
  const mirror = run("apt-get", ["indextargets", "--format", "$(SITE)", "Created-By: Packages"])
    .split("\n")
    .find((site) => /\/debian\/?$/.test(site));
  if (mirror === undefined) throw new Error("no Debian mirror among apt's sources");
  const apt = `${ASTERISK_ROOT}.apt`;
  rmSync(ASTERISK_ROOT, { recursive: true, force: true });
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
    mkdirSync(join(ASTERISK_ROOT, folder), { recursive: true });
  for (const link of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${link}`, join(ASTERISK_ROOT, link));
  for (const deb of readdirSync(join(apt, "cache/archives")).filter((name) => name.endsWith(".deb"))) {
    // Merged /usr: the archive's ./lib must land behind the link made above.
    run("sh", [
      "-c",
      'dpkg-deb --fsys-tarfile "$1" | tar -xf - -C "$2" --keep-directory-symlink --exclude=./usr/share/doc --exclude=./usr/share/man',
      "sh",
      join(apt, "cache/archives", deb),
      ASTERISK_ROOT,
    ]);
  }
  run("ldconfig", ["-r", ASTERISK_ROOT]);
  rmSync(apt, { recursive: true, force: true });
  writeFileSync(join(ASTERISK_ROOT, "complete"), suite);
}
