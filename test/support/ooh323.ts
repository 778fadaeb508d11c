/** ooh323.conf of an Asterisk whose only peer is `peer`, called `far` in its dialplan. */
export function ooh323(options: {
  readonly ip: string;
  readonly peer: string;
  readonly fastStart: boolean;
  readonly tunnelling: boolean;
  /** `rfc2833`, `h245alphanumeric`, `h245signal` or `q931keypad`. */
  readonly dtmf?: string;
  /** Address of a gatekeeper. */
  readonly gatekeeper?: string;
  readonly codecs?: string;
}): string {
  const { ip, peer, fastStart, tunnelling, dtmf = "h245alphanumeric", gatekeeper = "DISABLE", codecs = "ulaw,alaw" } = options;
  const yes = (value: boolean) => (value ? "yes" : "no");
  const common = `context=in
faststart=${yes(fastStart)}
h245tunneling=${yes(tunnelling)}
dtmfmode=${dtmf}
disallow=all
allow=${codecs}
`;
  return `[general]
bindaddr=${ip}
port=1720
h225portrange=12000,12099
h323id=asterisk
e164=500
callerid=asterisk
gatekeeper=${gatekeeper}
rtptimeout=60
tracelevel=6
logfile=/tmp/h323_log_${ip.replaceAll(".", "_")}
${common}
[far]
type=friend
ip=${peer}
port=1720
${common}`;
}

/** Dialplan of what Asterisk does once we have answered its call. */
export const OUTGOING = `[far-end]
exten => dtmf,1,Wait(0.5)
 same => n,SendDTMF(159*0,150,150)
 same => n,Wait(0.5)
 same => n,Hangup(16)
exten => hold,1,Wait(60)
 same => n,Hangup()
`;
