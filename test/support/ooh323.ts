import { portsOf } from "./ports.ts";

const SIGNALLING = portsOf("asterisk-h225");

/** How one call of chan_ooh323 goes. */
export interface Ooh323Style {
  readonly fastStart: boolean;
  readonly tunnelling: boolean;
  /** `rfc2833`, `h245alphanumeric`, `h245signal` or `q931keypad`. */
  readonly dtmf?: string;
}

/** Every way there is. */
export const EVERY_STYLE: readonly Required<Ooh323Style>[] = [true, false].flatMap((fastStart) =>
  [true, false].flatMap((tunnelling) =>
    ["rfc2833", "h245alphanumeric", "h245signal", "q931keypad"].map((dtmf) => ({ fastStart, tunnelling, dtmf })),
  ),
);

/** Name of the peer by which a call goes in one way. */
export function peerOf({ fastStart, tunnelling, dtmf = "h245alphanumeric" }: Ooh323Style): string {
  return `far-${fastStart ? "fast" : "slow"}-${tunnelling ? "tunnelled" : "separate"}-${dtmf}`;
}

/** ooh323.conf of an Asterisk whose only peer is `peer`, called `far` in its dialplan, and by `peerOf` in every other style. */
export function ooh323(
  options: Ooh323Style & {
    readonly ip: string;
    readonly peer: string;
    /** Address of a gatekeeper. */
    readonly gatekeeper?: string;
    readonly codecs?: string;
  },
): string {
  const { ip, peer, fastStart, tunnelling, dtmf = "h245alphanumeric", gatekeeper = "DISABLE", codecs = "ulaw,alaw" } = options;
  const yes = (value: boolean) => (value ? "yes" : "no");
  const common = (style: Ooh323Style) => `context=in
faststart=${yes(style.fastStart)}
h245tunneling=${yes(style.tunnelling)}
dtmfmode=${style.dtmf}
disallow=all
allow=${codecs}
`;
  const section = (name: string, style: Ooh323Style) => `[${name}]
type=friend
ip=${peer}
port=1720
${common(style)}`;
  // Traced in full (tracelevel 6) Asterisk 16 dies of the key exchange in our Setup: it prints bit strings into a buffer too short for them.
  // Found by address, the last section takes the calls that come in.
  const styles = EVERY_STYLE.map((style) => section(peerOf(style), style)).join("");
  return `[general]
bindaddr=${ip}
port=1720
h225portrange=${SIGNALLING},${SIGNALLING + 99}
h323id=asterisk
e164=500
callerid=asterisk
gatekeeper=${gatekeeper}
rtptimeout=60
tracelevel=1
logfile=/tmp/h323_log_${ip.replaceAll(".", "_")}
${common({ fastStart, tunnelling, dtmf })}${styles}${section("far", { fastStart, tunnelling, dtmf })}`;
}

/** Dialplan of what Asterisk does once we have answered its call. */
export const OUTGOING = `[far-end]
exten => dtmf,1,Wait(0.5)
 same => n,SendDTMF(159*0,150,150)
 same => n,Wait(0.5)
 same => n,Hangup(16)
exten => hold,1,Wait(300)
 same => n,Hangup()
`;
