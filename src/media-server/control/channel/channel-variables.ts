import { codecInfo } from "../../../audio/codec.ts";
import { PROOF_HEADER } from "../../../wire/esl/index.ts";
import { type NameAddr, type SipRequest, tryParseUri, type Uri, utf8 } from "../../../wire/sip/index.ts";
import type { Settings } from "../../options.ts";
import type { Channel } from "./channel.ts";
import type { MediaNegotiation, Outcome } from "../sip/negotiate.ts";

/** The URI of an address, where it is one of ours. */
export function uriOf(address: NameAddr | undefined): Uri | undefined {
  return address ? tryParseUri(address.uriText) : undefined;
}

/** Sets what an INVITE says as variables, under mod_sofia's names. */
export function describeRequest(channel: Channel, invite: SipRequest, settings: Settings): void {
  const { variables, caller } = channel;
  const set = (name: string, value: string | number | undefined) => variables.set(name, value);
  const address = (prefix: string, uri: Uri | undefined) => {
    set(`${prefix}_user`, uri?.user);
    set(`${prefix}_host`, uri?.host);
    set(`${prefix}_uri`, uri ? `${uri.user ?? ""}@${uri.host}` : undefined);
  };
  set("sip_profile_name", settings.sip.profile);
  set("sofia_profile_name", settings.sip.profile);
  set("sip_call_id", invite.callId);
  set("sip_from_display", utf8(invite.from?.name ?? ""));
  set("sip_from_tag", invite.fromTag);
  address("sip_from", uriOf(invite.from));
  address("sip_to", uriOf(invite.to));
  address("sip_req", invite.requestUri);
  address("sip_contact", uriOf(invite.contact));
  const via = invite.topVia;
  set("sip_via_protocol", via?.transport.toLowerCase());
  set("sip_via_host", via?.host);
  set("sip_via_port", via?.port);
  set("sip_cseq", invite.cseq?.seq);
  set("sip_full_from", invite.get("from"));
  set("sip_full_to", invite.get("to"));
  set("sip_full_via", invite.get("via"));
  set("sip_received_ip", caller.networkAddress);
  set("sip_network_ip", caller.networkAddress);
  set("sip_user_agent", invite.get("user-agent"));
  set("sip_subject", invite.get("subject"));
  set("max_forwards", invite.get("max-forwards"));
  set("sip_allow", invite.get("allow"));
  for (const { name, value } of invite.headers)
    if (/^x-/i.test(name) && name.toLowerCase() !== PROOF_HEADER.toLowerCase()) set(`sip_h_${name}`, utf8(value));
}

/** Sets what a negotiation came to as variables. */
export function describeMedia(channel: Channel, { config, agreement }: Outcome, negotiation: MediaNegotiation, settings: Settings): void {
  const { variables } = channel;
  const codec = config.codecs[0];
  const set = (name: string, value: string | number | undefined) => variables.set(name, value);
  set("rtp_local_sdp_str", negotiation.localSdp);
  set("switch_r_sdp", negotiation.remoteSdp);
  set("advertised_media_ip", settings.advertise);
  set("audio_media_flow", config.direction);
  set("endpoint_disposition", "ANSWER");
  set("remote_media_ip", config.remote.address);
  set("remote_media_port", config.remote.port);
  set("rtp_use_codec_string", settings.codecs.map((name) => name.toUpperCase()).join(","));
  set(
    "ep_codec_string",
    agreement.codecs.map(({ capability }) => `${capability.codec}@${capability.clockRate}h@${agreement.ptime}i`).join(","),
  );
  if (codec) {
    const { clockRate, sampleRate } = codecInfo[codec.name];
    set("rtp_use_codec_name", codec.name);
    set("rtp_use_codec_rate", clockRate);
    set("rtp_use_codec_ptime", codec.ptime);
    set("rtp_use_codec_channels", 1);
    set("rtp_last_audio_codec_string", `${codec.name}@${clockRate}h@${codec.ptime}i@1c`);
    set("rtp_use_pt", codec.sendPayloadType);
    set("rtp_audio_recv_pt", codec.receivePayloadType);
    for (const side of ["read", "write"]) {
      set(`${side}_codec`, codec.name);
      set(`${side}_rate`, sampleRate);
    }
  }
  set("dtmf_type", config.dtmf ? "rfc2833" : "none");
  set("rtp_2833_send_payload", config.dtmf?.sendPayloadType);
  set("rtp_2833_recv_payload", config.dtmf?.receivePayloadType);
  set("rtp_media_direction", config.direction);
  set("rtp_secure_media", config.srtp ? "true" : "false");
  set("rtp_secure_media_confirmed", config.srtp ? "true" : undefined);
  set("rtp_has_crypto", config.srtp?.send.suite);
  set("rtcp_mux", config.rtcpMux ? "true" : undefined);
}
