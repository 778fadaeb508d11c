import { z } from "zod";
import { allowSchema, bansSchema, denySchema } from "./defence-schema.ts";
import { gatekeeperSchema, upstreamSchema } from "./h323-schema.ts";
import { dialled, meetingSchema } from "./meeting-schema.ts";
import { numberSchema } from "./number-schema.ts";
import { clientCertificateSchema, codecNames, trunkSchema, unknownCallersSchema } from "./trunk-schema.ts";
import { address, flag, host, oneOf, optionalWhole, port, portRange, remotePort, section, text, textLike, whole } from "./values.ts";
import { TRACE_LEVELS } from "../../trace/index.ts";
import { webSection } from "./web-schema.ts";
import { acmeSchema } from "./acme-schema.ts";

/**
 * The configuration's schema: every key, its default and what it is for. docs/operate/configuration.md is made from it, and a test keeps the two alike.
 * Sections are strict: a key that is not here is a mistake.
 */

const sip = section(
  {
    udp: port(5060).describe("SIP over UDP."),
    tcp: port(5060).describe("SIP over TCP."),
    tls: port(5061).describe("SIP over TLS 1.2 and 1.3. A client certificate is asked for; a trunk may demand it."),
    ws: port(null).describe("SIP over WebSocket (RFC 7118). Needed for calls to targets with `transport=ws` too."),
    wss: port(null).describe(
      "SIP over secure WebSocket. Needed for calls to targets with `transport=wss` too, whose certificate is checked as over TLS.",
    ),
    advertise: host()
      .nullable()
      .default(null)
      .describe("Address or name told to peers in Via and Contact, where it is not the listening address (behind NAT)."),
    sessionExpires: whole(90, 86_400, 1800, "seconds").describe(
      "Session-Expires asked for (RFC 4028). Shorter wishes of peers are followed down to minSe.",
    ),
    minSe: whole(90, 86_400, 90, "seconds").describe("Smallest session interval accepted; below it a peer is answered 422."),
    optionsSeconds: whole(0, 86_400, 60, "seconds").describe(
      "How often each trunk's target is asked by OPTIONS whether it is there; 0 never.",
    ),
    callerUser: text("a user part").default("crosspoint").describe("User part of From in the calls we make."),
    callerHost: host().nullable().default(null).describe("Host part of From in the calls we make; the listening address where absent."),
    ringSeconds: whole(5, 3600, 120, "seconds").describe("How long a call of ours may ring before it is given up."),
    requestsPerSecond: whole(0, 100_000, 200).describe(
      "Requests outside calls (OPTIONS, REGISTER, ...) that one address may send a second, twice as many at once; more get no answer, and a line in the log. 0 for no limit. Calls: see limits.",
    ),
    handshakeSeconds: whole(1, 60, 3, "seconds").describe("A TLS handshake that takes longer is dropped."),
  },
  "SIP listeners and timers.",
);

const h323 = section(
  {
    signalling: port(1720).describe("H.225 call signalling over TCP."),
    tls: port(null).describe(
      "H.225 call signalling over TLS, 1300 by custom. A client certificate is asked for; a trunk may demand it. H.245 must be tunnelled.",
    ),
    ras: port(1719).describe("Registration, admission and status (RAS) over UDP."),
    gatekeeper: gatekeeperSchema,
    upstream: upstreamSchema,
    digits: z
      .array(oneOf(["rfc4733", "alphanumeric", "signal"]))
      .default(["rfc4733", "alphanumeric", "signal"])
      .describe(
        "Ways in which H.323 endpoints are asked to send keys: in the audio's RTP, or by H.245. Q.931 keypad is taken always, and all there is of an empty list.",
      ),
    traversal: flag(true).describe("Serve endpoints behind firewalls that register here (H.460.17, H.460.18, H.460.19)."),
    keepAliveSeconds: whole(5, 300, 20, "seconds").describe("How often endpoints behind firewalls must be heard."),
    multiplex: port(null).describe(
      "UDP port on which media of endpoints behind firewalls are received together, RTCP on the next (H.460.19).",
    ),
  },
  "H.323 listeners.",
);

const media = section(
  {
    ports: portRange("20000-29999").describe(
      "UDP ports of RTP and RTCP. Each call takes up to eight; by H.323, four more for each line that is encrypted or crosses a firewall.",
    ),
    advertise: host()
      .nullable()
      .default(null)
      .describe("Address told to peers in SDP and H.245, where it is not the listening address (behind NAT)."),
    codecs: z
      .array(oneOf(codecNames))
      .min(1, { error: "expected at least one codec" })
      .default([...codecNames])
      .describe("Audio codecs offered and accepted, in order of preference: ours decides, not the caller's. A trunk may have its own."),
    workers: whole(0, 256, 0).describe("Threads of the embedded media server; 0 takes one for each core but one."),
    timeoutSeconds: whole(5, 3600, 30, "seconds").describe(
      "A call whose peer sends neither RTP nor RTCP for so long is ended. Silence of the room does not count.",
    ),
    automaticGain: flag(true).describe(
      "Bring quiet and loud members of a meeting slowly to a common level (-25 dB of full scale, by at most 20 dB up and 16 dB down). It learns from speech alone, and raises no noise between words. Of the embedded media server only.",
    ),
  },
  "Media transport.",
);

const video = section(
  {
    enabled: flag(true).describe("Relay video and shared screens. Without it lines other than audio are answered with port 0."),
    ports: portRange("20000-29999").describe("UDP ports of pictures, from the middle up; audio begins at the front."),
    codecs: z
      .array(oneOf(["H264", "VP8"]))
      .min(1, { error: "expected at least one codec" })
      .default(["H264", "VP8"])
      .describe("Video codecs relayed, in order. Nothing is transcoded: who has none of them stays with audio."),
    profileLevelId: textLike(/^[0-9A-Fa-f]{6}$/, "six hexadecimal digits such as 42e01f")
      .default("42e01f")
      .describe(
        "H.264 profile and level asked for (RFC 6184): constrained baseline 3.1, 720p at 30 pictures a second, unless said otherwise.",
      ),
    maxKilobits: whole(64, 100_000, 2048, "kilobits per second").describe("Most that one picture may take."),
    workers: whole(0, 256, 1).describe("Threads of the video relay; 0 takes one for each core but one."),
  },
  "Pictures: cameras and shared screens.",
);

const tokenForm = "at least 16 characters, or sha256$ and 64 hexadecimal digits; better {env: NAME} or {file: path}";
const apiToken = z
  .strictObject({
    name: textLike(/^[A-Za-z0-9._-]{1,64}$/, "a name of letters, digits, dots and dashes").describe("Whose it is, what for."),
    token: textLike(/^(?:sha256\$[0-9A-Fa-f]{64}|(?!sha256\$)\S{16,1024})$/, tokenForm).describe(
      "The token, or the SHA-256 of it: `printf %s TOKEN | sha256sum`.",
    ),
    role: oneOf(["operator", "viewer"]).describe("`operator` may do everything, `viewer` may only read."),
    expires: textLike(
      /^\d{4}-\d{2}-\d{2}(?:T[0-9:.]{5,16}(?:Z|[+-]\d{2}:?\d{2}))?$/,
      "a date, or a time with its zone, such as 2027-06-30T12:00:00Z",
    )
      .refine((time) => !Number.isNaN(Date.parse(time)), { error: "expected a date that there is" })
      .nullable()
      .default(null)
      .meta({ expects: "a date, or a time with its zone, such as 2027-06-30T12:00:00Z", shown: "never" })
      .describe("When it ends; a date ends with its beginning, UTC."),
    meetings: z
      .array(text("a meeting's id"))
      .min(1, { error: "expected at least one meeting" })
      .nullable()
      .default(null)
      .describe("The meetings it is limited to; all where absent."),
  })
  .describe("A token of the admin API.");

const admin = section(
  {
    token: z
      .string({ error: "expected a token of at least 16 characters" })
      .min(16, { error: "expected a token of at least 16 characters" })
      .nullable()
      .default(null)
      .meta({
        expects: "at least 16 characters, better {env: NAME} or {file: path}",
        shown: "made at first start, kept in the data folder as `admin-token`",
      })
      .describe("Bearer token of the admin API. The environment variable CROSSPOINT_ADMIN_TOKEN goes before it."),
    tokens: z
      .array(apiToken)
      .default([])
      .describe("Further bearer tokens. The API makes and removes others (`/tokens`). Re-read on SIGHUP."),
    requestsPerSecond: whole(1, 10_000, 50).describe("Requests a second that one address may send; more are answered 429."),
  },
  "The admin API.",
);

const drachtio = section(
  {
    host: host().default("127.0.0.1").describe("Where drachtio-server's admin port is."),
    port: remotePort(9022).describe("drachtio-server's admin port."),
    secret: text("the shared secret").default("cymru").describe("drachtio-server's shared secret; better {env: NAME} or {file: path}."),
  },
  "drachtio-server, where `engine.sip` is `drachtio`. Its SIP listeners and TLS certificates are its own configuration's.",
);

const freeswitch = section(
  {
    host: host().default("127.0.0.1").describe("Where FreeSWITCH's event socket is."),
    port: remotePort(8021).describe("FreeSWITCH's event socket port."),
    password: text("the event socket's password")
      .default("ClueCon")
      .describe("The event socket's password; better {env: NAME} or {file: path}."),
    profile: text().default("drachtio_mrf").describe("The SIP profile that takes the gateway's calls."),
    listenAddress: address()
      .nullable()
      .default(null)
      .describe("Address on which the gateway waits for FreeSWITCH to connect back; `listen` where absent."),
    advertise: host().nullable().default(null).describe("The same address as FreeSWITCH sees it, where that differs."),
    prompts: text("a folder")
      .nullable()
      .default(null)
      .describe("Folder of the prompts as FreeSWITCH sees it, where that is another machine or container."),
  },
  "FreeSWITCH, where `engine.media` is `freeswitch`.",
);

const engine = section(
  {
    sip: oneOf(["embedded", "drachtio"]).default("embedded").describe("Who speaks SIP: the embedded engine or drachtio-server."),
    media: oneOf(["embedded", "freeswitch"]).default("embedded").describe("Who carries audio: the embedded media server or FreeSWITCH."),
    drachtio,
    freeswitch,
  },
  "The engines. docs/operate/engines.md tells what differs.",
);

const janus = section(
  {
    url: textLike(/^wss?:\/\/\S+$/, "a URL such as ws://192.0.2.1:8188")
      .default("ws://127.0.0.1:8188")
      .describe("Janus's WebSocket API."),
    apiSecret: text("a secret").nullable().default(null).describe("`api_secret` of janus.jcfg; better {env: NAME} or {file: path}."),
    adminKey: text("a key")
      .nullable()
      .default(null)
      .describe("`admin_key` of the videoroom's and the audiobridge's configuration, without which Janus sends no pictures to us."),
    roomSecret: text("a secret").default("crosspoint").describe("Secret of the rooms we make: who has it may change them."),
    roomPin: text("a PIN").nullable().default(null).describe("PIN that Janus's own clients need for rooms we make."),
    mediaHost: address().nullable().default(null).describe("Address of Janus's media, where what Janus tells of itself cannot be reached."),
  },
  "Janus, where `sfu` is `janus`: meeting 1000 is the audiobridge's and the videoroom's room 1000.",
);

const certificates = section(
  {
    cert: text("a PEM file").nullable().default(null).describe("Our certificate with its whole chain, PEM."),
    key: text("a PEM file").nullable().default(null).describe("Its private key, PEM, readable by nobody else."),
    ca: z.array(text("a PEM file")).default([]).describe("CAs, PEM files, that sign client certificates and the servers we call."),
    crl: z
      .array(text("a revocation list"))
      .default([])
      .describe("Certificate revocation lists, PEM or DER: what they revoke is refused, calling or called."),
    clientCertificate: clientCertificateSchema(
      "Shown in calls that we place, where a CA gives no certificate with both purposes; `cert` and `key` where absent.",
    ),
    development: text("a folder")
      .nullable()
      .default(null)
      .describe(
        "A folder in which a development CA, a server and a client certificate are made when missing or expired; `cert`, `key` and `ca` default to those. Never for production.",
      ),
    acme: acmeSchema,
    warnDays: whole(1, 365, 30, "days").describe("Warn, in the log and by a metric, so long before a certificate expires."),
  },
  "TLS certificates, re-read on SIGHUP and when the files change.",
);

const ivr = section(
  {
    attempts: whole(1, 10, 3).describe("Wrong PINs, or unknown meeting numbers, in one call before it ends."),
    entrySeconds: whole(10, 600, 120, "seconds").describe("Time for entering number and PIN in all."),
    firstDigitSeconds: whole(2, 60, 8, "seconds").describe("Silence after which a question is asked again."),
    interDigitSeconds: whole(1, 30, 5, "seconds").describe("Pause after a digit that ends the entry without #."),
    hostSeconds: whole(10, 86_400, 900, "seconds").describe("How long a guest waits for the host."),
    lobbySeconds: whole(10, 86_400, 900, "seconds").describe("How long an unverified caller waits in the lobby."),
  },
  "The dialogue on the way into a meeting.",
);

const limits = section(
  {
    maxCalls: whole(0, 1_000_000, 0).describe("Calls at a time; 0 for no limit. More are answered 503 with Retry-After."),
    callsPerSecondPerSource: optionalWhole(0, 100_000, "20 and 40 at once, of strangers only").describe(
      "New calls a second, and as many at once, from one source: an IPv4 address or an IPv6 /64, by SIP, H.323 and the meeting page together. What is set here holds for trunks' callers too; 0 for no limit. More are answered 503 with Retry-After.",
    ),
    callsPerSource: optionalWhole(0, 1_000_000, "five times callsPerSecondPerSource").describe(
      "Calls at a time of one source of callers whom no trunk recognises; 0 for no limit.",
    ),
    keptForTrunks: whole(0, 90, 25, "percent").describe(
      "Share of maxCalls, of media.ports and of the load limits below that is for callers whom a trunk recognises: strangers are refused before. Nothing is kept where there are no trunks.",
    ),
    eventLoopMs: whole(0, 10_000, 250, "milliseconds").describe(
      "Delay of the gateway's event loop (99th percentile over a second) above which new calls are answered 503; 0 never does.",
    ),
    cpuPercent: whole(0, 100, 95, "percent").describe("Load of the gateway's thread above which new calls are answered 503; 0 never does."),
  },
  "Overload protection.",
);

const records = section(
  {
    retentionDays: whole(0, 3650, 90, "days").describe("Call records are deleted after so many days; 0 keeps none on disk."),
    maxRecords: whole(1, 100_000_000, 1_000_000).describe("Most records kept; the oldest go first."),
    maxMegabytes: whole(1, 1_000_000, 1_000, "megabytes").describe("Most of the disk that records may take; the oldest go first."),
    maskCallers: oneOf(["none", "numbers", "all"])
      .default("none")
      .describe("The outside party in records: as it came; with the digits of its number but the last three masked; or not at all."),
  },
  "Call records.",
);

const logging = section(
  {
    level: oneOf(["trace", "debug", "info", "warn", "error"]).default("info").describe("Least severity logged."),
    format: oneOf(["auto", "json", "pretty"]).default("auto").describe("JSON lines, or lines for people; auto: for people on a terminal."),
  },
  "Logs, on standard output.",
);

const log = section(
  {
    sip: oneOf(TRACE_LEVELS)
      .default("off")
      .describe(
        "Messages of calls, SIP's, H.323's and the media server's event socket, in the log and for `crosspoint trace`: their header fields, or all of them. Keys, PINs and credentials are left out. A trunk may have its own, and a call by the API.",
      ),
    keepMinutes: whole(0, 1440, 60, "minutes").describe(
      "How long the messages of a call can be looked at after its end; 0 not at all. They are in memory only.",
    ),
  },
  "What is seen of calls' messages.",
);

const shutdown = section(
  {
    drainSeconds: whole(0, 86_400, 0, "seconds").describe(
      "On SIGTERM, wait so long for calls to end by themselves before ending them. New calls are answered 503.",
    ),
  },
  "Stopping.",
);

/** The whole configuration. */
export const configSchema = z.strictObject({
  listen: address().default("127.0.0.1").describe("Address of every listener but the embedded engines' own, which stay on loopback."),
  data: text("a folder")
    .default("./data")
    .describe(
      "Folder of records, meetings made by the API, and the made admin token. The environment variable CROSSPOINT_DATA goes before it.",
    ),
  sip,
  h323,
  media,
  video,
  web: webSection,
  admin,
  engine,
  sfu: textLike(/^(?:conference|janus|\.{0,2}\/\S{1,1000})$/, "conference, janus, or the path of a module such as ./sfu.js")
    .default("conference")
    .describe(
      "Where meetings take place: `conference` is the media server's own, with our video relay; `janus` a Janus gateway; a path names a module with an adapter of your own (docs/understand/building.md).",
    ),
  janus,
  certificates,
  ivr,
  limits,
  allow: allowSchema,
  deny: denySchema,
  bans: bansSchema,
  records,
  logging,
  log,
  shutdown,
  language: oneOf(["en", "de"])
    .default("en")
    .describe("Language of the prompts before the meeting is known, and of meetings that name none."),
  accessNumbers: z.array(dialled()).default([]).describe("Numbers that ask for the meeting's number."),
  numbers: z
    .array(numberSchema)
    .default([])
    .describe("Telephone numbers that reach us: each with its language, what it costs its callers, and where it leads."),
  unknownCallers: unknownCallersSchema,
  trunks: z
    .array(trunkSchema)
    .default([])
    .describe("Peers that bring or take calls. Of those that match a call, the one that demands most is it; of equals, the first."),
  meetings: z.array(meetingSchema).default([]).describe("Meetings. The admin API may add others, not change these."),
});

/** The configuration as the schema leaves it: defaults filled in, PINs not yet hashed, paths not yet resolved. */
export type RawConfig = z.output<typeof configSchema>;
