import type { ContentControl } from "../../legs/leg.ts";
import type { Sfu } from "../../sfu/port.ts";
import type { Call } from "../call/call.ts";

interface Presenter {
  readonly call: Call;
  readonly control: ContentControl;
}

/**
 * Who presents in each meeting: one at a time, and who asks last gets it, as people in a room expect. Calls are heard of from their first media on;
 * a screen is shown once they have joined.
 */
export class Presenting {
  readonly #sfu: Pick<Sfu, "present">;
  /** Everybody in a meeting who can present or wants to know. */
  readonly #present = new Map<string, Map<string, Presenter>>();
  readonly #presenters = new Map<string, string>();

  constructor(sfu: Pick<Sfu, "present">) {
    this.#sfu = sfu;
  }

  presenter(meetingId: string): string | null {
    return this.#presenters.get(meetingId) ?? null;
  }

  /** A call's content control; requests before it has joined are denied. */
  attach(call: Call, control: ContentControl): void {
    const onRequest = () => {
      const meetingId = this.#meetingOf(call);
      if (meetingId === null) return control.deny();
      this.#take(meetingId, call, control);
    };
    const onRelease = () => {
      const meetingId = this.#meetingOf(call);
      if (meetingId !== null) this.#release(meetingId, call.id);
    };
    control.on("request", onRequest);
    control.on("release", onRelease);
    call.once("ended", () => {
      control.off("request", onRequest);
      control.off("release", onRelease);
    });
  }

  joined(meetingId: string, call: Call): void {
    const { content } = call;
    if (!content) return;
    const present = this.#present.get(meetingId) ?? new Map<string, Presenter>();
    this.#present.set(meetingId, present);
    present.set(call.id, { call, control: content });
    if (this.#presenters.has(meetingId)) content.announce(true);
  }

  left(meetingId: string, call: Call): void {
    this.#release(meetingId, call.id);
    const present = this.#present.get(meetingId);
    present?.delete(call.id);
    if (present?.size === 0) this.#present.delete(meetingId);
  }

  #meetingOf(call: Call): string | null {
    return call.meetingId !== null && this.#present.get(call.meetingId)?.has(call.id) ? call.meetingId : null;
  }

  #take(meetingId: string, call: Call, control: ContentControl): void {
    const before = this.#presenters.get(meetingId);
    if (before !== call.id) {
      this.#presenters.set(meetingId, call.id);
      // the one before hears it first, so that two never think they present
      if (before !== undefined) this.#present.get(meetingId)?.get(before)?.control.revoke();
    }
    control.grant();
    this.#sfu.present(meetingId, call.id);
    this.#tell(meetingId, call.id, true);
    call.log.info({ event: "presenting", meeting: meetingId }, "shares its screen");
  }

  #release(meetingId: string, id: string): void {
    if (this.#presenters.get(meetingId) !== id) return;
    this.#presenters.delete(meetingId);
    this.#sfu.present(meetingId, null);
    this.#tell(meetingId, id, false);
  }

  #tell(meetingId: string, presenter: string, presenting: boolean): void {
    for (const [id, { control }] of this.#present.get(meetingId) ?? []) control.announce(presenting && id !== presenter);
  }
}
