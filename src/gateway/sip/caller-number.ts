import type { SipRequest } from "../../legs/sip/drachtio.ts";
import type { CallerField } from "../../trunks/model.ts";
import { splitList, tryParseNameAddr, tryParseUri } from "../../wire/sip/index.ts";

/** Whom a call is shown to come from. */
export interface ShownCaller {
  /** URI without parameters. */
  readonly uri: string;
  readonly name: string | undefined;
}

/** RFC 3323 section 4.1. */
const ANONYMOUS: ShownCaller = { uri: "sip:anonymous@anonymous.invalid", name: "Anonymous" };

/** RFC 3323 section 4.2, RFC 3325 section 9.3: what asks that the caller is not shown. */
const HIDING: ReadonlySet<string> = new Set(["id", "user", "header", "full"]);

type Fields = Pick<SipRequest, "get">;

/**
 * Who calls, by the first of these fields that says so; undefined where none does. A caller who asks for privacy is nobody. Of P-Asserted-Identity the
 * first address (RFC 3325), of Remote-Party-ID the calling party, of Diversion the party who diverted last (RFC 5806), of History-Info whom the call was
 * for before its last change of target (RFC 7044).
 */
export function shownCaller(request: Fields, fields: readonly CallerField[]): ShownCaller | undefined {
  if (asksForPrivacy(request)) return ANONYMOUS;
  for (const field of fields) {
    const shown = READERS[field](request);
    if (shown) return shown;
  }
  return undefined;
}

/** `Privacy: id`, `user`, `header` or `full`. Remote-Party-ID has a privacy of its own, which counts where the field does. */
function asksForPrivacy(request: Fields): boolean {
  const asked = (request.get("Privacy") ?? "").toLowerCase().split(/[;,]/);
  return asked.some((value) => HIDING.has(value.trim()));
}

const READERS: Readonly<Record<CallerField, (request: Fields) => ShownCaller | undefined>> = {
  from: (request) => addressOf(request.get("From")),
  "p-asserted-identity": (request) => addressOf(firstOf(request.get("P-Asserted-Identity"))),
  "remote-party-id": (request) => {
    const entries = listOf(request.get("Remote-Party-ID"));
    const calling = entries.find((entry) => (tryParseNameAddr(entry)?.params.get("party") ?? "calling") !== "called");
    const privacy = calling === undefined ? undefined : tryParseNameAddr(calling)?.params.get("privacy");
    if (privacy != null && privacy.toLowerCase() !== "off") return ANONYMOUS;
    return addressOf(calling);
  },
  diversion: (request) => addressOf(firstOf(request.get("Diversion"))),
  "history-info": (request) => addressOf(listOf(request.get("History-Info")).at(-2)),
};

const listOf = (value: string | undefined): string[] => (value === undefined ? [] : splitList(value).filter((entry) => entry !== ""));

const firstOf = (value: string | undefined): string | undefined => listOf(value)[0];

function addressOf(value: string | undefined): ShownCaller | undefined {
  const address = value === undefined ? undefined : tryParseNameAddr(value);
  // tel: has no host, which a SIP URI reader would miss
  if (!address || !(/^tel:/i.test(address.uriText) || tryParseUri(address.uriText)?.user)) return undefined;
  return { uri: address.uriText.split(/[;?]/, 1)[0] ?? address.uriText, name: address.name };
}
