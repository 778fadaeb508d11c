/** What of a peer's messages can be answered, or told, from the message alone. */
import { type ControlMessage, encodeControl } from "../../wire/h245/index.ts";
import type { LineName } from "./lines.ts";
import type { ControlEvent } from "./types.ts";

/** The answer to a request that asks for what we never do, or for nothing but an answer. What has no answer of its own, or is not known, is returned as not supported (functionNotSupported). */
export function replyTo(request: NonNullable<ControlMessage["request"]>): ControlMessage {
  const { roundTripDelayRequest: delay, maintenanceLoopRequest: loop, logicalChannelRateRequest: rate } = request;
  if (delay !== undefined) return { response: { roundTripDelayResponse: { sequenceNumber: delay.sequenceNumber } } };
  if (loop !== undefined) return { response: { maintenanceLoopReject: { type: loop.type, cause: { canNotPerformLoop: true } } } };
  if (rate !== undefined) {
    const { sequenceNumber, logicalChannelNumber } = rate;
    return { response: { logicalChannelRateReject: { sequenceNumber, logicalChannelNumber, rejectReason: { undefinedReason: true } } } };
  }
  return { indication: { functionNotSupported: { cause: { unknownFunction: true }, returnedFunction: encodeControl({ request }) } } };
}

/** What a command tells: a limit, or that a picture is wanted that stands alone. `lineSent` knows the lines of our channels by number. */
export function eventOf(
  { flowControlCommand: limit, miscellaneousCommand: wish }: NonNullable<ControlMessage["command"]>,
  lineSent: (channel: number | undefined) => LineName | undefined,
): ControlEvent | undefined {
  if (limit !== undefined) {
    const { scope, restriction } = limit;
    const bitsPerSecond = restriction.maximumBitRate === undefined ? undefined : restriction.maximumBitRate * 100;
    const line = lineSent(scope.logicalChannelNumber);
    if (scope.logicalChannelNumber === undefined || line !== undefined) return { type: "flow-control", line, bitsPerSecond };
  } else if (wish !== undefined) {
    const { type, logicalChannelNumber } = wish;
    const line = lineSent(logicalChannelNumber);
    const lost = type.lostPicture ?? type.lostPartialPicture;
    const wanted = type.videoFastUpdatePicture ?? type.videoFastUpdateGOB ?? type.videoFastUpdateMB ?? lost;
    if (wanted !== undefined && (line === "video" || line === "content")) return { type: "fast-update", line };
  }
  return undefined;
}

/** Keys, as text or one by one. */
export function digitsOf({ userInput: input }: NonNullable<ControlMessage["indication"]>): ControlEvent | undefined {
  const text = input?.alphanumeric ?? input?.extendedAlphanumeric?.alphanumeric;
  if (text !== undefined) return { type: "digits", digits: text, via: "alphanumeric", duration: undefined };
  // "!" is a hook flash, which means nothing here.
  if (input?.signal === undefined || input.signal.signalType === "!") return undefined;
  return { type: "digits", digits: input.signal.signalType, via: "signal", duration: input.signal.duration };
}
