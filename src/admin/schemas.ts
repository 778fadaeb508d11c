import { z } from "zod";
import { messageSchema, traceInputSchema, traceSchema } from "./trace-schemas.ts";
import { banInputSchema, banSchema } from "./ban-schemas.ts";
import type { MeetingView, Participant } from "../meetings/model.ts";
import type { CallRecord, OutcomeCode } from "../records/model.ts";
import { type AccessNumber, costClasses } from "../trunks/access-numbers.ts";
import type { TrunkView } from "../trunks/model.ts";
import type { CallView, DialOutRequest, H323View, Health, MeetingInput } from "./ports.ts";

/**
 * The API's objects as schemas: what comes in is checked by them, and the OpenAPI document is made from them. The `satisfies` clauses keep
 * them and the rooms' models alike.
 */

const time = () => z.string().describe("ISO 8601, UTC.");
const encryption = () =>
  z.string().nullable().describe("SDES suite, H.235.6 cipher or `DTLS-SRTP` with its suite, between the far end and us; null for none.");
const trust = z.enum(["verified", "verified-external", "unverified"]);
const role = z.enum(["host", "guest"]);
const protocol = z.enum(["sip", "h323", "web"]);

const audioSchema = z
  .strictObject({
    codec: z.string().describe("RTP encoding name, for example PCMU, G722, opus."),
    srtp: encryption(),
    packetsIn: z.int().nonnegative(),
    packetsOut: z.int().nonnegative(),
    lossPercent: z.number().min(0).max(100).describe("Of the packets expected in."),
    jitterMs: z.number().nonnegative().describe("Interarrival jitter in, RFC 3550 section 6.4.1."),
  })
  .meta({ id: "Audio" });

const videoSchema = z
  .strictObject({
    state: z.enum(["on", "held", "off"]).describe("`off`: there is a line but no picture, see `reason`."),
    reason: z.string().nullable().describe("Why there is no picture; null where there is."),
    codec: z.string().nullable().describe("What comes in; null before anything has."),
    srtp: encryption(),
    packetsIn: z.int().nonnegative(),
    packetsOut: z.int().nonnegative(),
    lossPercent: z.number().min(0).max(100),
    jitterMs: z.number().nonnegative(),
    bitrateIn: z.number().nonnegative().describe("Bits per second over the last two seconds."),
    bitrateOut: z.number().nonnegative(),
    keyFramesIn: z.int().nonnegative(),
    freezes: z.int().nonnegative().describe("Times the picture sent to them stood still for more than half a second."),
    width: z.int().nullable(),
    height: z.int().nullable(),
    limitIn: z
      .number()
      .nullable()
      .describe("Bits per second they were last told to send at most; null where they may send what was agreed."),
    limitOut: z
      .number()
      .nullable()
      .describe("Bits per second they take, by agreement, demand or what is guessed from loss; null for no limit."),
    screen: z.boolean().describe("Whether there is a second line, for shared screens."),
    unsuited: z
      .strictObject({ participantId: z.string(), stream: z.enum(["camera", "screen"]), codec: z.string() })
      .nullable()
      .describe(
        "The picture one of their lines would show now if they had agreed to what comes: its codec or its H.264 profile, for example `VP8` or `H.264 High`. Null where nothing is kept from them, and while nobody whom they could not see is to be shown.",
      ),
  })
  .meta({ id: "Video" });

export const participantSchema = z
  .strictObject({
    id: z.string(),
    callId: z.string(),
    meetingId: z.string().nullable(),
    displayName: z.string(),
    address: z.string(),
    protocol,
    trust,
    role,
    state: z.enum(["connecting", "ivr", "lobby", "waiting", "joined", "left"]),
    muted: z.boolean(),
    talking: z.boolean(),
    hand: z.boolean().describe("Raised by `*3`, until it is lowered by the same keys."),
    joinedAt: time().nullable(),
    audio: audioSchema.nullable(),
    video: videoSchema.nullable(),
    notSeenBy: z
      .array(z.string())
      .describe(
        "Participants who cannot be shown this one's camera, whoever speaks, because they have not agreed to its codec (H264, VP8); H.264 profiles do not count here, `video.unsuited` tells of them. They hear each other.",
      ),
    doesNotSee: z.array(z.string()).describe("Participants whose camera this one cannot be shown, for the same reason."),
  })
  .meta({ id: "Participant" }) satisfies z.ZodType<Participant>;

export const callSchema = z
  .strictObject({
    id: z.string(),
    direction: z.enum(["in", "out"]),
    protocol,
    transport: z.string(),
    tls: z
      .string()
      .nullable()
      .describe(
        "Version, suite and key exchange group of the signalling: `TLSv1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768`. Null without TLS, or where it is not known.",
      ),
    trunk: z.string().nullable(),
    from: z.string(),
    to: z.string(),
    meetingId: z.string().nullable(),
    state: z.enum(["ringing", "ivr", "lobby", "waiting", "joined", "ending"]),
    startedAt: time(),
    answeredAt: time().nullable(),
    trust,
    audio: audioSchema.nullable(),
  })
  .meta({ id: "Call" }) satisfies z.ZodType<CallView>;

const meetingFields = {
  name: z.string().min(1).max(200).describe("Shown in rosters."),
  aliases: z
    .array(z.string().regex(/^\+?[A-Za-z0-9._-]{1,64}$/))
    .max(100)
    .describe("Further numbers and names that reach it."),
  language: z.enum(["en", "de"]),
  lobby: z.boolean().describe("Unverified callers wait until admitted."),
  waitForHost: z.boolean().describe("Guests wait, with music, until a host has joined."),
  endWithHost: z.boolean().describe("Ends for guests when the last host leaves."),
  endToEndEncrypted: z.boolean().describe("SIP, H.323, telephone and browser callers are refused."),
  locked: z.boolean().describe("Nobody further may join."),
  maxParticipants: z.int().min(0).max(10_000).describe("0 for no limit."),
  muteOnJoin: z.boolean(),
  announcements: z.enum(["off", "tone", "names"]),
  tenant: z.string().min(1).max(64).nullable(),
};
const meetingId = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);

export const meetingSchema = z
  .strictObject({
    id: z.string(),
    ...meetingFields,
    hasGuestPin: z.boolean(),
    hasHostPin: z.boolean(),
    participants: z.int().nonnegative(),
    source: z.enum(["configuration", "api", "directory"]),
  })
  .meta({ id: "Meeting" }) satisfies z.ZodType<MeetingView>;

const pin = z
  .string()
  .regex(/^\d{3,16}$/, { error: "expected 3 to 16 digits" })
  .nullable()
  .describe("3 to 16 digits; null takes the PIN away. Never shown again.");

export const meetingInputSchema = z
  .strictObject({ id: meetingId.describe("The number to dial; made where absent."), ...meetingFields, guestPin: pin, hostPin: pin })
  .partial()
  .meta({ id: "MeetingInput" }) satisfies z.ZodType<MeetingInput>;

export const joinTokenInputSchema = z
  .strictObject({
    name: z
      .string()
      .trim()
      .min(1)
      .max(128)
      .refine((name) => ![...name].some((char) => char < " " || (char >= "\u007f" && char <= "\u009f")), {
        error: "expected no control characters",
      })
      .optional()
      .describe("Shown in the roster; where absent, the name that is typed into the page."),
    role: role.default("guest"),
    expiresInSeconds: z
      .int()
      .min(1)
      .max(34_560_000)
      .optional()
      .describe("How long the token is good; 12 hours where neither this nor `expiresAt` is given."),
    expiresAt: z.iso.datetime({ offset: true }).optional().describe("ISO 8601; instead of `expiresInSeconds`."),
  })
  .refine(({ expiresAt, expiresInSeconds }) => expiresAt === undefined || expiresInSeconds === undefined, {
    error: "expected expiresAt or expiresInSeconds, not both",
  })
  .meta({ id: "JoinTokenInput" });

export const joinTokenSchema = z
  .strictObject({
    id: z.string().describe("Names the token in the log."),
    token: z.string().describe("Shown this once. Secret."),
    meetingId: z.string(),
    name: z.string().nullable(),
    role,
    expiresAt: time(),
    path: z
      .string()
      .describe("Where to open the meeting page with this token. The token is in the fragment, which browsers do not send. Secret."),
  })
  .meta({ id: "JoinToken" });

const apiTokenFields = {
  name: z.string().trim().min(1).max(64).describe("For people: whose it is, what for."),
  role: z.enum(["operator", "viewer"]).describe("`operator` may do everything, `viewer` may only read."),
  meetings: z.array(meetingId).min(1).max(1000).nullable().describe("The meetings it is limited to; null for no limit."),
};

export const apiTokenSchema = z
  .strictObject({
    id: z.string(),
    ...apiTokenFields,
    meetings: z.array(z.string()).nullable().describe("The meetings it is limited to; null for no limit."),
    expiresAt: time().nullable(),
    source: z.enum(["configuration", "api"]),
  })
  .meta({ id: "Token" });

export const newApiTokenSchema = apiTokenSchema.extend({ token: z.string().describe("Shown this once. Secret.") }).meta({ id: "NewToken" });

export const apiTokenInputSchema = z
  .strictObject({
    ...apiTokenFields,
    meetings: apiTokenFields.meetings.optional(),
    expiresAt: z.iso.datetime({ offset: true }).nullable().optional().describe("ISO 8601; null or absent for never."),
    expiresInSeconds: z.int().min(1).max(315_360_000).optional().describe("Instead of `expiresAt`."),
  })
  .refine(({ expiresAt, expiresInSeconds }) => expiresAt == null || expiresInSeconds === undefined, {
    error: "expected expiresAt or expiresInSeconds, not both",
  })
  .meta({ id: "TokenInput" });

export const dialOutSchema = z
  .strictObject({
    uri: z
      .string()
      .min(3)
      .max(512)
      .regex(/^(sips?|tel|h323):/i, { error: "expected a sip:, sips:, tel: or h323: URI" }),
    meetingId,
    displayName: z.string().max(200).optional(),
    role: role.optional(),
    trunk: z.string().max(64).optional().describe("Trunk to call through; by the URI's host otherwise."),
    keys: z
      .string()
      .regex(/^[0-9*#A-D,]{1,64}$/, { error: "expected keys: 0-9, *, #, A-D, and commas" })
      .optional()
      .describe(
        "Keys pressed once the call is answered, such as the PIN of somebody else's meeting; a comma waits a second. Never shown again.",
      ),
  })
  .meta({ id: "DialOut" }) satisfies z.ZodType<DialOutRequest>;

export const numberSchema = z
  .strictObject({
    id: z.string().describe("The number."),
    number: z.string().describe("E.164, with its plus sign."),
    trunk: z.string().nullable().describe("The trunk it comes by; null: any of its tenant's."),
    tenant: z.string().nullable(),
    language: z.enum(["en", "de"]).nullable().describe("Of its callers' prompts; null: the meeting's."),
    cost: z.enum(costClasses).describe("What calls to it cost their callers."),
    meeting: z.string().nullable().describe("The meeting it reaches; null: it asks for one."),
  })
  .meta({ id: "AccessNumber" }) satisfies z.ZodType<AccessNumber & { readonly id: string }>;

export const trunkSchema = z
  .strictObject({
    name: z.string(),
    trust,
    srtp: z.enum(["required", "preferred", "none"]),
    calls: z.int().nonnegative(),
    maxCalls: z.int().nonnegative(),
    target: z.string().nullable(),
    tenant: z.string().nullable(),
    reachable: z.boolean().nullable().describe("Answer to the last OPTIONS; null where none is sent."),
    unreachableReason: z
      .string()
      .nullable()
      .describe("Why the last OPTIONS got no answer, in words, a certificate's fault with its code; null where one came or none is sent."),
    certificatePurpose: z
      .enum(["client", "server-allowed"])
      .nullable()
      .describe("What its certificate must be for when it calls; null where it is not known by one."),
    contacts: z
      .array(
        z.strictObject({
          uri: z.string(),
          flow: z.string().describe("Where it came from, and where calls to it go."),
          expiresAt: z.iso.datetime(),
          userAgent: z.string().nullable(),
        }),
      )
      .nullable()
      .describe("Its registrations with us; null where it needs none."),
    registration: z
      .strictObject({
        state: z.enum(["registering", "registered", "failed"]),
        registrar: z.string(),
        expiresAt: z.iso.datetime().nullable(),
        error: z.string().nullable().describe("Why the last attempt failed."),
      })
      .nullable()
      .describe("Our registration with it; null where there is none."),
  })
  .meta({ id: "Trunk" }) satisfies z.ZodType<TrunkView>;

export const h323Schema = z
  .strictObject({
    gatekeeper: z
      .strictObject({
        endpoints: z.array(
          z.strictObject({
            aliases: z.array(z.string()),
            address: z.string().describe("Where it is called."),
            product: z.string().nullable(),
            traversal: z.enum(["h460.17", "h460.18"]).nullable().describe("How it is reached behind a firewall; null where it needs none."),
            expiresAt: z.iso.datetime(),
          }),
        ),
        neighbours: z.array(
          z.strictObject({
            address: z.string(),
            answering: z.boolean().nullable().describe("Whether it has answered the last question (LRQ); null before the first."),
          }),
        ),
      })
      .nullable()
      .describe("Our own gatekeeper; null where it is off."),
    upstream: z
      .strictObject({
        gatekeeper: z.string(),
        aliases: z.array(z.string()),
        traversal: z.enum(["none", "h46018", "h46017"]),
        registered: z.boolean(),
        since: z.iso.datetime().nullable().describe("Since when it is, or is not; null before the first answer."),
        error: z.string().nullable().describe("Why it is not."),
      })
      .nullable()
      .describe("The gatekeeper of `h323.upstream`; null where there is none."),
  })
  .meta({ id: "H323" }) satisfies z.ZodType<H323View>;

/** Every way a call ends, with what an operator does about it. The keys are complete: the type sees to that. */
export const outcomes: Readonly<Record<OutcomeCode, string>> = {
  completed: "The call was answered and ended by a goodbye.",
  cancelled: "The caller hung up before, or in the moment, the call was answered.",
  "no-such-meeting": "The number dialled is no meeting, alias or access number. Check the number, the trunk's tenant and `accessNumbers`.",
  "end-to-end-encrypted": "The meeting refuses SIP, H.323, telephone and browser callers, who would break its encryption.",
  "srtp-not-acceptable":
    "Caller and trunk have no SRTP suite in common, or keys came over unencrypted signalling. Compare the trunk's `suites` with the offer.",
  "srtp-required": "The trunk demands SRTP and the caller offered none. Turn it on there, or set `srtp: preferred`.",
  "media-not-acceptable": "No codec in common, or an offer that cannot be read. Compare `media.codecs` with the offer.",
  "trunk-unknown":
    "No trunk's identity matches the caller, and `unknownCallers` is off; a browser came without a join token, and `web.callers` wants it. The reason names what was compared.",
  "trunk-certificate": "In records of earlier versions: the certificate was not the trunk's. Now one of the codes that follow.",
  "certificate-absent": "No certificate was shown where a trunk is known by one. Have the peer show its client certificate over TLS.",
  "certificate-unknown-ca":
    "No CA that the trunk trusts (`identity.ca`, or `certificates.ca`) vouches for the certificate. Name its CA (`crosspoint certs pin`), or have the peer send its whole chain.",
  "certificate-expired": "The peer's certificate has expired, by our clock, which the reason has. Its owner renews it.",
  "certificate-not-yet-valid": "The peer's certificate is not valid yet, by our clock, which the reason has: one of the clocks is wrong.",
  "certificate-revoked":
    "A revocation list of its CA (`certificates.crl`, `identity.crl`), or the OCSP response that came with it (`identity.ocsp`), says that the certificate is revoked.",
  "certificate-status-missing":
    "The far end of a call of ours shows no OCSP response that is good for its certificate, and its trunk has `identity.ocsp: required`. The reason says what is wrong with it. Its operator turns OCSP stapling on.",
  "certificate-purpose":
    "The certificate is for another purpose: a caller's without clientAuth is taken with `identity.certificatePurpose: server-allowed` only.",
  "certificate-name":
    "The certificate verifies and carries none of the trunk's names (`certificateNames`), or not the name that was called.",
  "certificate-invalid":
    "The certificate or its chain breaks a rule, which the reason names: CA flags, path length, weak keys, name constraints.",
  "certificate-refused": "The far end refused our certificate, or demands one: see `clientCertificate`. The reason has what it said.",
  "trunk-credentials": "Digest credentials were missing or wrong.",
  "token-invalid":
    "A browser brought a join token that this gateway has not signed, or that was changed, or another token. The admin token is none: make one with `POST /meetings/{id}/join-tokens`.",
  "token-expired": "A browser brought a join token after its time. Make another.",
  "token-revoked": "A browser brought a join token of a meeting whose tokens were revoked, or that was deleted since. Make another.",
  "token-other-meeting": "A browser brought a join token of one meeting and wanted to join another.",
  "trunk-limit": "The trunk's `maxCalls` or `maxCallsPerSecond` is reached.",
  scanner: "A scanner; it got no answer.",
  "meeting-full": "`maxParticipants` is reached.",
  "meeting-locked": "The meeting is locked.",
  overload: "The gateway is overloaded, see `limits`; callers are told when to try again.",
  draining: "The gateway is being stopped.",
  "unknown-site": "The `x-cisco-site-uuid` of the call is none of the trunk's `siteUuids`.",
  "wrong-pin": "Too many wrong PINs in one call.",
  "pin-locked-out": "Too many wrong PINs for the meeting in a while: it is closed to PIN entry.",
  "no-input": "The caller entered nothing in time.",
  removed: "Removed by a host or the API.",
  "lobby-timeout": "Nobody admitted the caller in time.",
  "host-timeout": "No host came in time.",
  "meeting-ended": "The meeting ended.",
  "media-timeout":
    "The peer sent neither RTP nor RTCP for `media.timeoutSeconds`: the network, a firewall or NAT. Of a browser: ICE found no way; open `web.ice.port` for TCP, or set up TURN.",
  "media-server-lost": "The media server went away in the middle of the call. Look at its log.",
  "signalling-lost": "The signalling connection went away and did not come back; a page vanished without a word.",
  "no-answer": "A call of ours rang for `sip.ringSeconds`, and nobody answered.",
  "far-end-refused": "The far end refused a call of ours, or a change of media the call needed. The reason has its status and its Warning.",
  "far-end-unreachable":
    "A call of ours reached nobody: no answer, no connection, no address, a TLS certificate that does not verify or names somebody else. The reason says which.",
  "session-expired": "The peer did not refresh the session in time (RFC 4028).",
  "bad-request": "The peer's message could not be understood; the reason says what of it.",
  "internal-error": "A fault of the gateway: please report it with the log lines of this call.",
};
export const outcomeSchema = z.enum(Object.keys(outcomes) as [OutcomeCode, ...OutcomeCode[]]).meta({ id: "Outcome" });

export const recordSchema = z
  .strictObject({
    id: z.string(),
    direction: z.enum(["in", "out"]),
    protocol,
    transport: z.string(),
    trunk: z.string().nullable(),
    trust,
    from: z.string(),
    to: z.string(),
    meetingId: z.string().nullable(),
    startedAt: time(),
    answeredAt: time().nullable(),
    endedAt: time(),
    outcome: outcomeSchema,
    endedBy: z
      .enum(["caller", "callee", "network", "gateway", "media-server", "meeting"])
      .optional()
      .describe(
        "Who ended the call: the far end (`caller` of a call to us, `callee` of one of ours), the `network` (a connection, a session or the packets were lost, or nobody was reached), a rule, limit or fault of the `gateway`, the `media-server`, or a host or the API (`meeting`). Absent in records of older versions and in those that sum up several calls.",
      ),
    reason: z.string(),
    sipStatus: z
      .int()
      .nullable()
      .describe(
        "SIP status of a refusal; null for a call that was answered, but where the answer to our call could not be used, and for one whose far end never sent any.",
      ),
    cause: z.int().describe("Q.850 cause."),
    codec: z.string().nullable(),
    srtp: encryption(),
    packetsIn: z.int().nonnegative(),
    packetsOut: z.int().nonnegative(),
    lossPercent: z.number().nullable(),
    jitterMs: z.number().nullable(),
  })
  .meta({ id: "CallRecord" }) satisfies z.ZodType<CallRecord>;

export const healthSchema = z
  .strictObject({
    status: z.enum(["ok", "degraded", "draining"]),
    engines: z.record(z.string(), z.boolean()),
    gatekeeper: z
      .boolean()
      .nullable()
      .describe("Whether the gateway is registered with the H.323 gatekeeper of `h323.upstream`; null where there is none."),
    calls: z.int().nonnegative(),
    version: z.string(),
    uptimeSeconds: z.number().nonnegative(),
  })
  .meta({ id: "Health" }) satisfies z.ZodType<Health>;

/** Problem details, RFC 9457. */
export const problemSchema = z
  .object({
    type: z.string().describe("`about:blank`: `code` says more."),
    title: z.string(),
    status: z.int(),
    code: z.string().describe("Stable, for programs."),
    detail: z.string().describe("For people."),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe("What is wrong with which field."),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof problemSchema>;

/** The OpenAPI document's components. */
export const components: Readonly<Record<string, z.ZodType>> = {
  Ban: banSchema,
  TracedMessage: messageSchema,
  CallTrace: traceSchema,
  CallTraceInput: traceInputSchema,
  BanInput: banInputSchema,
  Audio: audioSchema,
  Video: videoSchema,
  Participant: participantSchema,
  Call: callSchema,
  Token: apiTokenSchema,
  NewToken: newApiTokenSchema,
  TokenInput: apiTokenInputSchema,
  JoinTokenInput: joinTokenInputSchema,
  JoinToken: joinTokenSchema,
  Meeting: meetingSchema,
  MeetingInput: meetingInputSchema,
  DialOut: dialOutSchema,
  H323: h323Schema,
  Trunk: trunkSchema,
  AccessNumber: numberSchema,
  Outcome: outcomeSchema,
  CallRecord: recordSchema,
  Health: healthSchema,
  Problem: problemSchema,
};
