/**
 * The meeting as every room and the admin API see it. Shapes of the contract's "Admin API"; no secrets in any of them.
 */

/** Languages prompts are spoken in (BCP 47 primary subtags). */
export type Language = "en" | "de";

/** How much is known about who calls. `verified`: certificate or digest of a configured trunk marked so; `verified-external`: of any other trunk. */
export type Trust = "verified" | "verified-external" | "unverified";

export type Role = "host" | "guest";

/** Protocol a participant arrived by. */
export type Protocol = "sip" | "h323" | "web";

/** Where a participant stands on its way into the meeting; see `ivr` for the machine. */
export type ParticipantState = "connecting" | "ivr" | "lobby" | "waiting" | "joined" | "left";

/** What others hear when somebody comes or goes. */
export type Announcements = "off" | "tone" | "names";

/** A PIN as it is kept: `scrypt$N$r$p$<salt base64>$<hash base64>` (RFC 7914). Never the digits. */
export type PinHash = string & { readonly __brand?: "pin-hash" };

/** A meeting's definition, from the configuration, the admin API or a directory look-up. */
export interface Meeting {
  /** Stable identifier, also the number dialled unless `aliases` says more. 1 to 64 of `[A-Za-z0-9._-]`. */
  readonly id: string;
  /** Shown in rosters. */
  readonly name: string;
  /** Further user parts and E.164 numbers that reach it. */
  readonly aliases: readonly string[];
  readonly language: Language;
  readonly guestPin: PinHash | null;
  readonly hostPin: PinHash | null;
  /** Unverified callers wait until a host admits them. */
  readonly lobby: boolean;
  /** Guests wait, with music, until a host has joined. Needs `hostPin` or an API host. */
  readonly waitForHost: boolean;
  /** The meeting ends for guests when its last host leaves. */
  readonly endWithHost: boolean;
  /** SIP, H.323, telephone and browser callers are refused: they would break the encryption. */
  readonly endToEndEncrypted: boolean;
  readonly locked: boolean;
  /** Most participants at a time; 0 for no limit. */
  readonly maxParticipants: number;
  readonly muteOnJoin: boolean;
  readonly announcements: Announcements;
  /** The tenant whose trunks and callers may reach it; null on a single-customer installation. */
  readonly tenant: string | null;
}

/** A meeting as the admin API shows it: hashes replaced by whether there is a PIN. */
export interface MeetingView extends Omit<Meeting, "guestPin" | "hostPin"> {
  readonly hasGuestPin: boolean;
  readonly hasHostPin: boolean;
  readonly participants: number;
  /** From the configuration file (not changed by the API) or made by the API. */
  readonly source: "configuration" | "api" | "directory";
}

/** Both directions of a participant's audio, as measured by the media server. */
export interface AudioStats {
  /** RTP encoding name, for example `PCMU`, `G722`, `opus`. */
  readonly codec: string;
  /** What encrypts it between the far end and us: SDES suite, H.235.6 cipher, `DTLS-SRTP` with its suite; null for nothing. */
  readonly srtp: string | null;
  readonly packetsIn: number;
  readonly packetsOut: number;
  /** Percent of packets expected in that did not arrive in time, 0 to 100. */
  readonly lossPercent: number;
  /** Interarrival jitter in, RFC 3550 section 6.4.1, in milliseconds. */
  readonly jitterMs: number;
}

/** A participant's pictures: the camera's line, both ways, as measured by the video relay. */
export interface VideoView {
  /** `off`: there is a line but no picture, see `reason`; `held`: neither side sends for now. */
  readonly state: "on" | "held" | "off";
  /** Why there is no picture: no codec in common, keys that may not travel. Null where there is. */
  readonly reason: string | null;
  /** What comes in: `H264` or `VP8`; null before anything has. */
  readonly codec: string | null;
  /** As of the audio. */
  readonly srtp: string | null;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly lossPercent: number;
  readonly jitterMs: number;
  /** Bits per second over the last two seconds. */
  readonly bitrateIn: number;
  readonly bitrateOut: number;
  readonly keyFramesIn: number;
  /** Times the picture sent to them stood still for more than half a second. */
  readonly freezes: number;
  /** Of the picture that comes in; null where unknown. */
  readonly width: number | null;
  readonly height: number | null;
  /** Bits per second they were last told to send at most; null where they may send what was agreed. */
  readonly limitIn: number | null;
  /** Bits per second they take, by agreement, demand or what is guessed from loss; null for no limit. */
  readonly limitOut: number | null;
  /** Whether there is a second line, for shared screens. */
  readonly screen: boolean;
  /** The picture one of their lines would show now if they had agreed to what comes, its codec or its H.264 profile; null where nothing is kept from them. */
  readonly unsuited: { readonly participantId: string; readonly stream: "camera" | "screen"; readonly codec: string } | null;
}

/** A participant as the contract names its fields. */
export interface Participant {
  readonly id: string;
  readonly callId: string;
  readonly meetingId: string | null;
  readonly displayName: string;
  readonly address: string;
  readonly protocol: Protocol;
  readonly trust: Trust;
  readonly role: Role;
  readonly state: ParticipantState;
  readonly muted: boolean;
  readonly talking: boolean;
  /** Raised, and not lowered again, by `*3`. */
  readonly hand: boolean;
  /** ISO 8601, or null before it has joined. */
  readonly joinedAt: string | null;
  readonly audio: AudioStats | null;
  readonly video: VideoView | null;
  /** Identifiers of those in the meeting who cannot be shown this one's camera, whoever speaks: they have not agreed to its codec. Profiles do not count. */
  readonly notSeenBy: readonly string[];
  /** Of those whose camera this one cannot be shown, for the same reason. */
  readonly doesNotSee: readonly string[];
}

/** Actions on a participant that the admin API, a host's DTMF menu and the console share. */
export type ParticipantAction = "admit" | "remove" | "mute" | "unmute";

/** What a meeting is where nobody says otherwise. */
export function defaultMeeting(id: string, language: Language): Meeting {
  return {
    id,
    name: id,
    aliases: [],
    language,
    guestPin: null,
    hostPin: null,
    lobby: false,
    waitForHost: false,
    endWithHost: false,
    endToEndEncrypted: false,
    locked: false,
    maxParticipants: 0,
    muteOnJoin: false,
    announcements: "tone",
    tenant: null,
  };
}
