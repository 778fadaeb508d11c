import type { Meeting, MeetingView, Participant, ParticipantAction } from "../meetings/model.ts";
import type { CallRecord, RecordStore } from "../records/model.ts";
import type { AccessNumber } from "../trunks/access-numbers.ts";
import type { TrunkView } from "../trunks/model.ts";

/** A call in progress as the admin API shows it. */
export interface CallView {
  readonly id: string;
  readonly direction: "in" | "out";
  readonly protocol: Participant["protocol"];
  readonly transport: string;
  /** What its TLS has agreed on, `TLSv1.3, TLS_AES_256_GCM_SHA384, X25519MLKEM768`; null without TLS, or where it is not known. */
  readonly tls: string | null;
  readonly trunk: string | null;
  readonly from: string;
  readonly to: string;
  readonly meetingId: string | null;
  readonly state: "ringing" | "ivr" | "lobby" | "waiting" | "joined" | "ending";
  readonly startedAt: string;
  readonly answeredAt: string | null;
  readonly trust: Participant["trust"];
  readonly audio: Participant["audio"];
}

/** What `POST /calls` asks for. */
export interface DialOutRequest {
  /** `sip:`, `sips:`, `tel:` or `h323:` URI. */
  readonly uri: string;
  readonly meetingId: string;
  readonly displayName?: string;
  readonly role?: "host" | "guest";
  /** Trunk to call through; by the URI's host otherwise. */
  readonly trunk?: string;
  /** Keys pressed once it is answered: `0`-`9`, `*`, `#`, `A`-`D`; a comma waits a second. */
  readonly keys?: string;
}

/** What the gateway tells the world while it runs; the admin API forwards them as server-sent events of the same objects. */
export type GatewayEvent =
  | { readonly type: "call"; readonly call: CallView }
  | { readonly type: "call-ended"; readonly record: CallRecord }
  | { readonly type: "participant"; readonly participant: Participant }
  | { readonly type: "meeting"; readonly meeting: MeetingView }
  | { readonly type: "meeting-deleted"; readonly meetingId: string };

/** A new or changed meeting as the API takes it: PINs in the clear on the way in only, hashed before anything keeps them. */
export interface MeetingInput extends Partial<Omit<Meeting, "id" | "guestPin" | "hostPin">> {
  readonly id?: string;
  /** Digits; null takes the PIN away; absent leaves it. */
  readonly guestPin?: string | null;
  readonly hostPin?: string | null;
}

/** Something the caller of the API did wrong, or that is not there. `status` is the HTTP status. */
export class AdminError extends Error {
  override name = "AdminError";
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What `GET /health` answers. */
export interface Health {
  readonly status: "ok" | "degraded" | "draining";
  readonly engines: Readonly<Record<string, boolean>>;
  /** Whether we are registered with the H.323 gatekeeper of `h323.upstream`; null where there is none. */
  readonly gatekeeper: boolean | null;
  readonly calls: number;
  readonly version: string;
  readonly uptimeSeconds: number;
}

/** What `GET /h323` answers: who is registered with whom. Times are ISO 8601. */
export interface H323View {
  /** Our own gatekeeper; null where it is off. */
  readonly gatekeeper: {
    readonly endpoints: readonly {
      readonly aliases: readonly string[];
      readonly address: string;
      readonly product: string | null;
      /** How it is reached behind a firewall; null where it needs none. */
      readonly traversal: "h460.17" | "h460.18" | null;
      readonly expiresAt: string;
    }[];
    /** `answering`: whether it has answered the last question; null before the first. */
    readonly neighbours: readonly { readonly address: string; readonly answering: boolean | null }[];
  } | null;
  /** The gatekeeper of `h323.upstream`; null where there is none. */
  readonly upstream: {
    readonly gatekeeper: string;
    readonly aliases: readonly string[];
    readonly traversal: "none" | "h46018" | "h46017";
    readonly registered: boolean;
    /** Since when it is, or is not; null before the first answer. */
    readonly since: string | null;
    /** Why it is not. */
    readonly error: string | null;
  } | null;
}

/** What the admin API needs of the gateway. Methods throw AdminError. */
export interface GatewayControl {
  readonly records: RecordStore;
  health(): Health;
  calls(): CallView[];
  call(id: string): CallView | undefined;
  /** Ends a call; 404 when unknown. */
  endCall(id: string): Promise<void>;
  /** Resolves when the call is ringing or refused; 400 for a URI nobody can call, 404 for an unknown meeting. */
  dialOut(request: DialOutRequest): Promise<CallView>;
  meetings(): MeetingView[];
  meeting(id: string): MeetingView | undefined;
  createMeeting(input: MeetingInput): Promise<MeetingView>;
  updateMeeting(id: string, input: MeetingInput): Promise<MeetingView>;
  deleteMeeting(id: string): Promise<void>;
  participants(meetingId: string): Participant[];
  /** 404 unknown, 409 when the participant's state does not allow the action. */
  act(meetingId: string, participantId: string, action: ParticipantAction): Promise<Participant>;
  trunks(): TrunkView[];
  /** Telephone numbers of the configuration. */
  numbers(): readonly AccessNumber[];
  h323(): H323View;
  /** Listener stays until the returned function is called. */
  onEvent(listener: (event: GatewayEvent) => void): () => void;
}
