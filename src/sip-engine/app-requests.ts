/** What becomes of the requests that applications write: fields filled in, brackets and addresses in place. */
import { ownBytes } from "../base/bytes.ts";
import type { Dialog } from "../sip/dialog.ts";
import { newCallId, newTag } from "../sip/ids.ts";
import type { Listener } from "../sip/types.ts";
import { contactOf } from "../sip/user-agent.ts";
import { SipRequest } from "../wire/sip/message.ts";
import { tagOf } from "../wire/sip/name-addr.ts";
import { tryParseUri } from "../wire/sip/uri.ts";
import type { EngineDialog } from "./engine-dialog.ts";
import { applyFields, bracketed, replaceHost } from "./headers.ts";

export const makesDialog = (method: string): boolean => method === "INVITE" || method === "SUBSCRIBE";

/** A request outside dialogs, with what the engine fills in. */
export function newRequest(given: SipRequest, uri: string): SipRequest {
  const request = new SipRequest(given.method, uri);
  request.set("Max-Forwards", "70");
  request.set("From", "<sip:localhost>");
  request.set("To", bracketed(uri));
  request.set("Call-ID", given.get("call-id") ?? newCallId());
  request.set("CSeq", `${given.cseq?.seq ?? 1 + Math.floor(Math.random() * 0x3fffffff)} ${given.method}`);
  const cseq = request.get("cseq")!;
  applyFields(request, given, undefined, false);
  request.set("CSeq", cseq);
  request.set("To", bracketed(request.get("to")!));
  const from = bracketed(request.get("from")!);
  request.set("From", tagOf(from) === undefined ? `${from};tag=${newTag()}` : from);
  if (request.has("contact"))
    request.set(
      "Contact",
      request
        .list("contact")
        .map((c) => (c === "*" ? c : bracketed(c)))
        .join(", "),
    );
  request.body = given.body;
  if (request.body.length === 0) request.remove("content-type");
  return request;
}

/** Fills in what depends on where the request leaves: hosts named `localhost`, our Contact. */
export function localise(request: SipRequest, given: SipRequest, local: Listener, custom: boolean, dialog: EngineDialog | undefined): void {
  const from = request.get("from")!;
  if (!given.has("from") || /[@:]localhost\b/.test(from)) request.set("From", replaceHost(from, local));
  for (const name of ["To", "Contact", "P-Asserted-Identity"]) {
    const value = request.get(name);
    if (value?.includes("@localhost")) request.set(name, value.startsWith("*") ? value : replaceHost(value, local));
  }
  if (!custom && makesDialog(request.method)) request.set("Contact", contactOf(local, undefined, request.uri.startsWith("sips:")));
  if (dialog !== undefined) {
    dialog.localContact = request.get("contact") ?? "";
    dialog.localSdp = request.body.length > 0 ? ownBytes(request.body) : undefined;
    Object.assign(dialog.core, { local: request.get("from")!, remote: request.get("to")! });
  }
}

/** A request inside a dialog. */
export function requestInDialog(core: Dialog, given: SipRequest): SipRequest {
  const request = core.request(given.method);
  // A PRACK goes to the callee whose response it acknowledges, whatever the application takes for its address.
  const named =
    given.method !== "PRACK" &&
    core.routes.length === 0 &&
    given.uri !== "" &&
    !given.uri.includes("placeholder") &&
    tryParseUri(given.uri) !== undefined;
  if (named) request.uri = given.uri;
  applyFields(request, given, undefined, true);
  request.body = given.body;
  if (request.body.length === 0) request.remove("content-type");
  return request;
}
