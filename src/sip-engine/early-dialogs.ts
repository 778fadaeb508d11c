/**
 * The early dialogs of an INVITE of ours: one for each To tag that its provisional responses bring (RFC 3261 section 12.1.2), each with its
 * own route set, target, numbers and reliable responses (RFC 3262 section 4). A fork makes several; the 2xx says which of them becomes the call.
 */
import type { Dialog } from "../sip/dialog.ts";
import type { Source, Target } from "../sip/types.ts";
import { parseRAck } from "../wire/sip/fields.ts";
import type { SipRequest, SipResponse } from "../wire/sip/message.ts";
import { parseNumber } from "../wire/sip/text.ts";

/** So many callees of one call are told apart; provisional responses of further ones are not passed on. */
const MAX_EARLY = 16;

export interface EarlyDialog {
  /** The call's own once the 2xx has chosen this one. */
  core: Dialog;
  /** Where its far end is reached; see EngineDialog. */
  flow: Target | undefined;
  near: Source | undefined;
  /** RSeq of the last reliable response taken; undefined before the first. */
  rseq: number | undefined;
  /** Its far end has said BYE. */
  over: boolean;
}

export class EarlyDialogs {
  readonly #byTag = new Map<string, EarlyDialog>();
  /** Reliable responses that wait for the application's PRACK, oldest first. */
  readonly #unacknowledged: { readonly rseq: number; readonly early: EarlyDialog }[] = [];

  get(tag: string): EarlyDialog | undefined {
    return this.#byTag.get(tag);
  }

  /** Is any of them still going on? */
  get alive(): boolean {
    for (const { over } of this.#byTag.values()) if (!over) return true;
    return false;
  }

  /** The far end's tag has become known: `core` is the dialog's own where it is the first. Undefined where there are too many. */
  open(tag: string, core: Dialog): EarlyDialog | undefined {
    if (this.#byTag.size >= MAX_EARLY) return undefined;
    const early: EarlyDialog = { core, flow: undefined, near: undefined, rseq: undefined, over: false };
    this.#byTag.set(tag, early);
    return early;
  }

  /**
   * Is a provisional response to be taken? A reliable one is when it is the first, or follows the last by one; one that came before is a repetition, and behind a gap it waits to be
   * repeated (RFC 3262 section 4). Neither is acknowledged.
   */
  accept(early: EarlyDialog, response: SipResponse): boolean {
    if (early.over) return false;
    const rseq = parseNumber(response.get("rseq"), 0xffff_ffff);
    if (!response.lists("require", "100rel") || rseq === undefined) return true;
    if (early.rseq !== undefined && rseq !== early.rseq + 1) return false;
    early.rseq = rseq;
    this.#unacknowledged.push({ rseq, early });
    return true;
  }

  /** The early dialog whose reliable response a PRACK of the application acknowledges: with one RSeq in two of them, in the order they came. */
  acknowledged(prack: SipRequest): EarlyDialog | undefined {
    const rack = parseRAck(prack.get("rack") ?? "");
    const at = this.#unacknowledged.findIndex(({ rseq }) => rseq === rack?.rseq);
    return at < 0 ? undefined : this.#unacknowledged.splice(at, 1)[0]!.early;
  }

  clear(): void {
    this.#byTag.clear();
    this.#unacknowledged.length = 0;
  }
}
