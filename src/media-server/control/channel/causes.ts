/** Hangup causes by name, with their Q.850 number where they have one (switch_channel.c, CAUSE_CHART) and the SIP status they answer with. */
const chart: ReadonlyArray<readonly [name: string, q850: number, sip: number]> = [
  ["NONE", 0, 480],
  ["UNALLOCATED_NUMBER", 1, 404],
  ["NO_ROUTE_TRANSIT_NET", 2, 404],
  ["NO_ROUTE_DESTINATION", 3, 404],
  ["CHANNEL_UNACCEPTABLE", 6, 480],
  ["CALL_AWARDED_DELIVERED", 7, 480],
  ["NORMAL_CLEARING", 16, 480],
  ["USER_BUSY", 17, 486],
  ["NO_USER_RESPONSE", 18, 408],
  ["NO_ANSWER", 19, 480],
  ["SUBSCRIBER_ABSENT", 20, 480],
  ["CALL_REJECTED", 21, 603],
  ["NUMBER_CHANGED", 22, 410],
  ["REDIRECTION_TO_NEW_DESTINATION", 23, 302],
  ["EXCHANGE_ROUTING_ERROR", 25, 483],
  ["DESTINATION_OUT_OF_ORDER", 27, 502],
  ["INVALID_NUMBER_FORMAT", 28, 484],
  ["FACILITY_REJECTED", 29, 501],
  ["RESPONSE_TO_STATUS_ENQUIRY", 30, 480],
  ["NORMAL_UNSPECIFIED", 31, 480],
  ["NORMAL_CIRCUIT_CONGESTION", 34, 503],
  ["NETWORK_OUT_OF_ORDER", 38, 503],
  ["NORMAL_TEMPORARY_FAILURE", 41, 503],
  ["SWITCH_CONGESTION", 42, 503],
  ["ACCESS_INFO_DISCARDED", 43, 480],
  ["REQUESTED_CHAN_UNAVAIL", 44, 503],
  ["PRE_EMPTED", 45, 480],
  ["RESOURCE_UNAVAILABLE", 47, 503],
  ["FACILITY_NOT_SUBSCRIBED", 50, 480],
  ["OUTGOING_CALL_BARRED", 52, 403],
  ["INCOMING_CALL_BARRED", 54, 403],
  ["BEARERCAPABILITY_NOTAUTH", 57, 403],
  ["BEARERCAPABILITY_NOTAVAIL", 58, 503],
  ["SERVICE_UNAVAILABLE", 63, 503],
  ["BEARERCAPABILITY_NOTIMPL", 65, 488],
  ["CHAN_NOT_IMPLEMENTED", 66, 480],
  ["FACILITY_NOT_IMPLEMENTED", 69, 501],
  ["SERVICE_NOT_IMPLEMENTED", 79, 501],
  ["INVALID_CALL_REFERENCE", 81, 480],
  ["INCOMPATIBLE_DESTINATION", 88, 488],
  ["INVALID_MSG_UNSPECIFIED", 95, 480],
  ["MANDATORY_IE_MISSING", 96, 480],
  ["MESSAGE_TYPE_NONEXIST", 97, 480],
  ["WRONG_MESSAGE", 98, 480],
  ["IE_NONEXIST", 99, 480],
  ["INVALID_IE_CONTENTS", 100, 480],
  ["WRONG_CALL_STATE", 101, 480],
  ["RECOVERY_ON_TIMER_EXPIRE", 102, 504],
  ["MANDATORY_IE_LENGTH_ERROR", 103, 480],
  ["PROTOCOL_ERROR", 111, 480],
  ["INTERWORKING", 127, 480],
  ["ORIGINATOR_CANCEL", 487, 487],
  ["CRASH", 500, 480],
  ["SYSTEM_SHUTDOWN", 501, 480],
  ["LOSE_RACE", 502, 480],
  ["MANAGER_REQUEST", 503, 480],
  ["BLIND_TRANSFER", 600, 480],
  ["ATTENDED_TRANSFER", 601, 480],
  ["ALLOTTED_TIMEOUT", 602, 480],
  ["USER_CHALLENGE", 603, 480],
  ["MEDIA_TIMEOUT", 604, 480],
  ["PICKED_OFF", 605, 480],
  ["USER_NOT_REGISTERED", 606, 480],
  ["PROGRESS_TIMEOUT", 607, 480],
  ["INVALID_GATEWAY", 608, 480],
  ["GATEWAY_DOWN", 609, 480],
  ["INVALID_URL", 610, 480],
  ["INVALID_PROFILE", 611, 480],
  ["NO_PICKUP", 612, 480],
  ["SRTP_READ_ERROR", 613, 480],
];

const byName = new Map(chart.map(([name, q850, sip]) => [name, { name, q850, sip }]));
const byNumber = new Map(chart.map(([name, q850]) => [q850, name]));

/** The cause a client named, by name or number; `fallback` for what is neither (switch_channel_str2cause). */
export function causeOf(text: string, fallback = "NORMAL_CLEARING"): string {
  const word = text.trim().split(/\s+/)[0] ?? "";
  if (/^\d+$/.test(word)) return byNumber.get(Number(word)) ?? fallback;
  return byName.has(word.toUpperCase()) ? word.toUpperCase() : fallback;
}

/** The Q.850 number of a cause; FreeSWITCH's own causes are above 127 and stand for 31, unspecified. */
export function q850Of(cause: string): number {
  const number = byName.get(cause)?.q850 ?? 31;
  return number > 127 ? 31 : number;
}

/** The SIP status that refuses a call with this cause. */
export function sipStatusOf(cause: string): number {
  return byName.get(cause)?.sip ?? 480;
}
