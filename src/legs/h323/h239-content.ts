import { EventEmitter } from "node:events";
import type { CallEvent, ControlMachine } from "../../h323/index.ts";
import type { ContentControl, ContentControlEvents } from "../leg.ts";

/** Who presents, by H.239's token. */
export class H323Content extends EventEmitter<ContentControlEvents> implements ContentControl {
  readonly #control: (action: (control: ControlMachine, now: number) => void) => void;
  /** Somebody else presents: the far end is to see it. */
  #announced = false;

  constructor(control: (action: (control: ControlMachine, now: number) => void) => void) {
    super();
    this.#control = control;
  }

  grant(): void {
    this.#announced = false;
    this.#control((c, now) => c.grantPresentation(now));
  }
  deny(): void {
    this.#control((c) => c.denyPresentation());
  }
  /** H.239 has no word for it: the token is taken by asking for it, and given back unless somebody else presents now. */
  revoke(): void {
    this.#control((c, now) => c.requestPresentation(now));
  }
  announce(presenting: boolean): void {
    if (presenting === this.#announced) return;
    this.#announced = presenting;
    this.#control((c, now) => (presenting ? c.requestPresentation(now) : c.releasePresentation(now)));
  }

  /** Takes what the call tells of H.239. */
  on323(event: CallEvent): void {
    if (event.type === "presentation-wanted") {
      // Nobody who could say yes.
      if (!this.emit("request")) this.deny();
    } else if (event.type === "presentation-over") this.emit("release");
    else if (event.type === "presentation-answered" && event.granted && !this.#announced)
      this.#control((c, now) => c.releasePresentation(now));
  }
}
