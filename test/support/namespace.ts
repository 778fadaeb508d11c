import { execFileSync } from "node:child_process";

/** Whether a process can be given a view of the file system of its own here: root, with the right to mount. */
export function canMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"], { stdio: "ignore", timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
}

/** Whether a process can be given a network of its own here: root, outside of a container that forbids it. */
export function canUnshareNetwork(): boolean {
  try {
    execFileSync("unshare", ["-n", "ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"], {
      stdio: "ignore",
      timeout: 60_000,
    });
    return true;
  } catch {
    return false;
  }
}

/** What runs a program after `setup`, a line of shell, in a mount namespace of its own: what is mounted is seen by it alone, and goes with it. */
export function inOwnMounts(setup: string): string[] {
  return ["unshare", "-m", "sh", "-c", `${setup} && exec "$@"`, "sh"];
}
