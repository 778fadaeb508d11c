import { execFileSync } from "node:child_process";
import { canUnshareNetwork } from "./namespace.ts";

/** Addresses of documentation (RFC 5737) outside, private ones inside. */
export const OUTSIDE = "203.0.113.1";
export const INSIDE = "192.168.77.2";

/** Root, and a kernel that lets networks be made and translated here. */
export const canFirewall = (): boolean => process.getuid?.() === 0 && canUnshareNetwork();

/** A network behind a NAT, and the way to run programs in it. */
export interface Firewall {
  /** Runs what follows inside. */
  readonly inside: readonly string[];
  /** Packets from outside that nobody inside had asked for, dropped. */
  dropped(): number;
  remove(): void;
}

/**
 * Two network namespaces: a host (`INSIDE`) and the NAT before it, towards this one (`OUTSIDE`). The NAT masquerades, and drops what comes from outside and
 * was not asked for; only TCP `port` is let through, for the test to ask its gateway how it is.
 */
export function openFirewall(port: number): Firewall {
  const [nat, host] = [`cp-nat-${process.pid}`, `cp-in-${process.pid}`];
  const sh = (script: string) => execFileSync("sh", ["-ec", script], { stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 }).toString();
  const remove = () => {
    for (const name of [nat, host]) {
      try {
        sh(`ip netns del ${name}`);
      } catch {
        // was never made
      }
    }
  };
  try {
    // of a run that was killed
    sh("ip link del cp-out 2>/dev/null || true");
    sh(`
      ip netns add ${nat}; ip netns add ${host}
      ip link add cp-out type veth peer name ext netns ${nat}
      ip addr add ${OUTSIDE}/24 dev cp-out; ip link set cp-out up
      ip route add 192.168.77.0/24 via 203.0.113.2
      ip -n ${nat} link add int type veth peer name eth0 netns ${host}
      ip -n ${nat} addr add 203.0.113.2/24 dev ext; ip -n ${nat} link set ext up
      ip -n ${nat} addr add 192.168.77.1/24 dev int; ip -n ${nat} link set int up
      ip -n ${host} addr add ${INSIDE}/24 dev eth0; ip -n ${host} link set eth0 up; ip -n ${host} link set lo up
      ip -n ${host} route add default via 192.168.77.1
      run="ip netns exec ${nat}"
      $run sysctl -qw net.ipv4.ip_forward=1
      $run iptables -t nat -A POSTROUTING -o ext -j MASQUERADE
      $run iptables -A FORWARD -i ext -p tcp --dport ${port} -j ACCEPT
      $run iptables -A FORWARD -i ext -m conntrack ! --ctstate ESTABLISHED,RELATED -j DROP`);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    inside: ["ip", "netns", "exec", host],
    dropped() {
      const line = sh(`ip netns exec ${nat} iptables -nvxL FORWARD`)
        .split("\n")
        .find((l) => l.includes("DROP") && l.includes("ctstate"));
      return Number(line?.trim().split(/\s+/)[0] ?? 0);
    },
    remove,
  };
}
