/** How far a call has come, as text for display in an H.323 Status message: the same words as in SIP's answer to OPTIONS. */
import { STATE_HEADER } from "../sip/leg-fields.ts";

const PREFIX = `${STATE_HEADER}: `;

/** The text, of what who knows the call tells; undefined where nobody does. */
export function askStanding(ask: (tell: (state: string) => void) => void): string | undefined {
  let text: string | undefined;
  ask((state) => {
    text = PREFIX + state;
  });
  return text;
}

/** The state in such a text; undefined where it says something else. */
export function readStanding(text: string | undefined): string | undefined {
  return text?.startsWith(PREFIX) === true ? text.slice(PREFIX.length) : undefined;
}
