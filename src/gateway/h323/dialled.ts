import { aliasText, dialledNames, type IncomingCall } from "../../h323/index.ts";
import { type Dialled, parseDialString } from "../../meetings/dial-string.ts";

/**
 * The meeting dialled: the first of the aliases, and of the called party number behind them, that `known` says is one,
 * in whatever form it was dialled. Where none is, the
 * first alias that says anything, without scheme and host.
 */
export function dialledOf(
  { called, calledNumber }: Pick<IncomingCall, "called" | "calledNumber">,
  known: (number: string) => boolean,
): Dialled {
  const texts = [...called.map(aliasText), calledNumber ?? ""].filter((text) => text !== "");
  const meant = texts.flatMap(dialledNames).map(parseDialString);
  const [first = ""] = texts;
  const otherwise = dialledNames(first)[first.includes(":") || first.includes("@") ? 1 : 0] ?? first;
  return { ...(meant.find(({ number }) => known(number)) ?? parseDialString(otherwise)), language: null, siteUuid: null };
}
