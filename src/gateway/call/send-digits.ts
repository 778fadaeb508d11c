import type { Call } from "./call.ts";

/** The far end's media, and what H.245 says of it, are there so long after the answer. */
const SETTLE_MS = 1_500;
/** Between two keys by signalling: far ends that play them as tones need as long. */
const KEY_MS = 250;
const COMMA_MS = 1_000;
/** How long a key sounds in RTP. */
const TONE_MS = 160;

/**
 * Presses keys (`0`-`9`, `*`, `#`, `A`-`D`; a comma waits a second) once the call is answered: by signalling where the leg's protocol has that and the far
 * end wants it so, else as telephone events, or tones, in the media. They may be a PIN, and are never written anywhere.
 */
export function pressWhenAnswered(call: Call, keys: string): void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (ms: number, then: () => void) => {
    timer = setTimeout(then, ms);
  };
  const rest = [...keys];
  const next = (): void => {
    const key = rest.shift();
    if (key === undefined || call.over) return;
    if (key === ",") wait(COMMA_MS, next);
    else if (call.leg.press?.(key)) wait(KEY_MS, next);
    else byMedia([key, ...rest.splice(0)].join(""));
  };
  const byMedia = (all: string): void => {
    // `W` is a media server's second of silence.
    const session = call.media?.media;
    session?.press(`${all.replaceAll(",", "W")}@${TONE_MS}`).catch((error: unknown) => {
      call.log.warn({ event: "keys-not-pressed", err: error }, "the media server does not press keys");
    });
  };
  const begin = (): void => {
    if (call.view().answeredAt === null || timer !== undefined) return;
    call.off("changed", begin);
    call.log.info({ event: "keys-pressed", keys: rest.filter((key) => key !== ",").length }, "pressing keys");
    wait(SETTLE_MS, next);
  };
  call.on("changed", begin);
  call.once("ended", () => clearTimeout(timer));
  begin();
}
