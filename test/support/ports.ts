/**
 * Fixed ports of the tests with real programs. All lie below 32768, where Linux begins to hand out ports to outgoing sockets of whatever program
 * (net.ipv4.ip_local_port_range), and no two files share any: what one has left behind is not in the next one's way.
 */
const FIRST = 9_500;

/** How many each file has, by its name. */
const COUNTS = {
  "admin-gateway": 240,
  cli: 500,
  contract: 240,
  "gateway-cancel": 560,
  "gateway-clock": 320,
  "gateway-delayed-offer": 240,
  "gateway-digest": 260,
  "gateway-dns": 280,
  "gateway-flood": 240,
  "gateway-full-disk": 240,
  "gateway-join": 1000,
  "gateway-listen": 240,
  "gateway-offences": 240,
  "gateway-reload": 240,
  "gateway-ringing": 660,
  "gateway-acme": 240,
  "gateway-spoofing": 240,
  "gateway-strangers": 240,
  "gateway-thread-death": 280,
  "gateway-tls": 560,
  "gateway-trunks": 560,
  "gateway-tshark": 240,
  // of chan_ooh323's own signalling, whoever starts it
  "asterisk-h225": 100,
  "gatekeeper-strangers": 240,
  "h323-asterisk": 100,
  "h323-firewall": 440,
  "h323-gatekeeper": 540,
  "h323-keys": 540,
  "h323-meeting": 540,
  "h323-tls": 240,
  "h323-tones": 540,
  "h323-video": 380,
  "interop-asterisk": 420,
  "interop-baresip": 700,
  "janus-trouble": 680,
  janus: 1300,
  registration: 440,
  "room-bad-input": 240,
  "room-system": 240,
  "sfu-contract": 1100,
  "sip-engine-sipp": 20,
  "srtp-rtpengine": 450,
  "video-baresip": 700,
  "video-ffmpeg": 340,
  "web-codecs": 440,
  "web-firefox": 540,
  "web-meeting": 540,
  "web-network": 420,
  "web-relay": 500,
  "drachtio-fsmrf-suite": 300,
  "drachtio-srf-suite": 2300,
} as const satisfies Record<string, number>;

export type PortOwner = keyof typeof COUNTS;

/** First and last port of each, in the table's order. */
export const PORTS: readonly { readonly name: PortOwner; readonly first: number; readonly last: number }[] = (() => {
  let next = FIRST;
  return (Object.keys(COUNTS) as PortOwner[]).map((name) => {
    const first = next;
    next += COUNTS[name];
    return { name, first, last: next - 1 };
  });
})();

/** The first of a file's ports. */
export function portsOf(name: PortOwner): number {
  return PORTS.find((one) => one.name === name)!.first;
}

/** Hands out `first`, `first + step`, ... and after `count` of them the first again: a try that follows a failed one has ports of its own. */
export function inTurn(first: number, step: number, count: number): () => number {
  let at = 0;
  return () => first + step * (at++ % count);
}
