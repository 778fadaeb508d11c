import { type Config, type Findings, isLoopback } from "./config.ts";

/** ring_ms of docker/freeswitch/vars.xml, less what the gateway keeps in hand (media-client/placeholder-answer.ts). */
const RING_SECONDS = 140;

/** What the chosen engines cannot do, as docs/operate/engines.md lists it with the reasons. */
export function engineChecks(config: Config, { warn }: Findings): void {
  const drachtio = config.engine.sip === "drachtio";
  for (const [i, trunk] of config.trunks.entries()) {
    if (drachtio && (trunk.identity.certificateNames || trunk.identity.ca)) {
      const key = trunk.identity.certificateNames ? "certificateNames" : "ca";
      // No mistake: such a trunk fails safe, its callers are unknown; and the same file serves both engines.
      warn(
        ["trunks", i, "identity", key],
        "drachtio-server does not tell applications whose certificate it verified, so this trunk never matches: recognise it by networks or digest, or use engine.sip: embedded",
      );
    }
    if (drachtio && trunk.clientCertificate)
      warn(["trunks", i, "clientCertificate"], "drachtio-server shows its own certificate in SIP calls: this is for H.323 only");
    const { ocsp = "off", registration } = trunk.identity;
    if (drachtio && ocsp !== "off")
      warn(["trunks", i, "identity", "ocsp"], "drachtio-server verifies who is called over TLS by itself: this is for H.323 only");
    if (!drachtio && ocsp === "required" && registration)
      warn(
        ["trunks", i, "identity", "ocsp"],
        `calls to trunk ${trunk.name} go by the connections of its registration, where it staples nothing: its certificate is judged by revocation lists only`,
      );
    if (drachtio && trunk.legacyCiphers)
      warn(["trunks", i, "legacyCiphers"], "drachtio-server's cipher list is its own: this does nothing");
  }
  if (config.engine.media === "freeswitch") {
    if (config.media.advertise !== null)
      warn(["media", "advertise"], "FreeSWITCH's external address is in its own configuration: this does nothing");
    if (config.engine.freeswitch.prompts === null && !isLoopback(config.engine.freeswitch.host))
      warn(["engine", "freeswitch", "prompts"], "FreeSWITCH opens the prompts itself: say where src/ivr/prompts is on its machine");
    for (const [i, { announcements }] of config.meetings.entries()) {
      if (announcements === "names")
        warn(
          ["meetings", i, "announcements"],
          "spoken names are recorded on FreeSWITCH's disk, in its folder for temporary files, and stay there: clean it, or use tone",
        );
    }
    if (config.media.workers !== 0) warn(["media", "workers"], "FreeSWITCH has threads of its own: this does nothing");
    if (config.media.timeoutSeconds !== 30)
      warn(["media", "timeoutSeconds"], "FreeSWITCH's media timeout is in its own configuration (media_timeout_ms): this does nothing");
    if (!config.media.automaticGain) warn(["media", "automaticGain"], "FreeSWITCH's conferences have no automatic gain: this does nothing");
    if (config.sip.ringSeconds > RING_SECONDS)
      warn(
        ["sip", "ringSeconds"],
        `a call of ours that rings for longer than FreeSWITCH keeps its offer open (${RING_SECONDS} s with docker/freeswitch) gets other keys in mid-call, which not every phone takes: set FREESWITCH_RING_MS to ten seconds more than this`,
      );
  }
  if (!drachtio) return;
  // Its listeners are its own, and not ours to read: a gateway that is a trial on loopback has them there too.
  if (!isLoopback(config.listen))
    warn(
      ["engine", "sip"],
      "drachtio-server sends any request that has a To tag and a Route naming it on to where the request says, without asking the gateway: have an edge in front that removes foreign Route fields, or let only known networks reach it",
    );
  const elsewhere = { udp: 5060, tcp: 5060, tls: 5061, ws: null, wss: null };
  for (const key of ["udp", "tcp", "tls", "ws", "wss"] as const) {
    if (config.sip[key] !== null && config.sip[key] !== elsewhere[key])
      warn(["sip", key], "drachtio-server's listeners are in its own configuration: this does nothing");
  }
  if (config.sip.handshakeSeconds !== 3) warn(["sip", "handshakeSeconds"], "drachtio-server's limits are its own: this does nothing");
  if (config.sip.requestsPerSecond !== 200) warn(["sip", "requestsPerSecond"], "drachtio-server's limits are its own: this does nothing");
  if (config.sip.advertise !== null)
    warn(["sip", "advertise"], "drachtio-server's external address is in its own configuration: this does nothing");
}
