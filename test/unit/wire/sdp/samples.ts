/** Descriptions in the shape of those real products send, keys and addresses made up. */

function crlf(text: string): string {
  return text.trim().replace(/\n\s*/g, "\r\n") + "\r\n";
}

export const baresip = crlf(`
  v=0
  o=- 3862417280 1372904131 IN IP4 127.0.0.1
  s=-
  c=IN IP4 127.0.0.1
  t=0 0
  a=tool:baresip 1.0.0
  m=audio 17498 RTP/SAVP 96 0 97
  a=rtpmap:96 opus/48000/2
  a=fmtp:96 stereo=1;sprop-stereo=1
  a=rtpmap:0 PCMU/8000
  a=rtpmap:97 telephone-event/8000
  a=fmtp:97 0-15
  a=rtcp:17499
  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw
  a=label:1
  a=rtcp-rsize
  a=ssrc:2873294 cname:sip:a@127.0.0.1
  a=minptime:20
  a=ptime:20
  a=sendrecv`);

export const asterisk = crlf(`
  v=0
  o=- 1093814529 1093814529 IN IP4 192.0.2.10
  s=Asterisk
  c=IN IP4 192.0.2.10
  t=0 0
  m=audio 14702 RTP/SAVP 9 0 8 101
  a=crypto:1 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=
  a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw
  a=rtpmap:9 G722/8000
  a=rtpmap:0 PCMU/8000
  a=rtpmap:8 PCMA/8000
  a=rtpmap:101 telephone-event/8000
  a=fmtp:101 0-16
  a=ptime:20
  a=maxptime:140
  a=sendrecv`);

/** A trunk through an SBC of the CUBE kind: GCM first, no rtpmap for static types, DTMF on 101. */
export const cube = crlf(`
  v=0
  o=CiscoSystemsSIP-GW-UserAgent 8021 4711 IN IP4 198.51.100.7
  s=SIP Call
  c=IN IP4 198.51.100.7
  t=0 0
  m=audio 36012 RTP/SAVP 9 0 8 101
  c=IN IP4 198.51.100.7
  a=rtpmap:9 G722/8000
  a=rtpmap:0 PCMU/8000
  a=rtpmap:8 PCMA/8000
  a=rtpmap:101 telephone-event/8000
  a=fmtp:101 0-16
  a=ptime:20
  a=crypto:1 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis=
  a=crypto:2 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==
  a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^31
  a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^31`);

/** A room system behind an Expressway: audio, main video, slides, BFCP, far-end camera control. */
export const expressway = crlf(`
  v=0
  o=tandberg 7 1 IN IP4 203.0.113.20
  s=-
  c=IN IP4 203.0.113.20
  b=AS:6000
  t=0 0
  m=audio 36000 RTP/SAVP 100 102 9 8 0 101
  b=TIAS:64000
  a=rtpmap:100 MP4A-LATM/90000
  a=fmtp:100 profile-level-id=25;object=23;bitrate=128000
  a=rtpmap:102 opus/48000/2
  a=rtpmap:9 G722/8000
  a=rtpmap:8 PCMA/8000
  a=rtpmap:0 PCMU/8000
  a=rtpmap:101 telephone-event/8000
  a=fmtp:101 0-15
  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^48
  a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^48 UNENCRYPTED_SRTCP
  a=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^48|1:4
  a=sendrecv
  m=video 36002 RTP/SAVP 97 31
  b=TIAS:6000000
  a=rtpmap:97 H264/90000
  a=fmtp:97 packetization-mode=1;profile-level-id=428016;max-br=5000;max-mbps=245000;max-fs=8160
  a=rtpmap:31 H261/90000
  a=fmtp:31 CIF=1;QCIF=1
  a=rtcp-fb:* nack pli
  a=rtcp-fb:* ccm fir
  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^48
  a=content:main
  a=label:11
  a=sendrecv
  m=application 5070 UDP/BFCP *
  a=floorctrl:c-s
  a=confid:1
  a=floorid:2 mstrm:12
  a=userid:1
  a=setup:actpass
  a=connection:new
  m=video 36004 RTP/SAVP 97
  a=rtpmap:97 H264/90000
  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^48
  a=content:slides
  a=label:12
  m=application 36006 RTP/SAVP 104
  a=rtpmap:104 H224/4800
  a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^48`);

export const freeswitch = crlf(`
  v=0
  o=FreeSWITCH 1700000000 1700000001 IN IP4 192.0.2.30
  s=FreeSWITCH
  c=IN IP4 192.0.2.30
  t=0 0
  m=audio 21000 RTP/SAVP 0 101
  a=rtpmap:0 PCMU/8000
  a=rtpmap:101 telephone-event/8000
  a=fmtp:101 0-15
  a=silenceSupp:off - - - -
  a=ptime:20
  a=sendrecv
  a=rtcp:21001 IN IP4 192.0.2.30
  a=crypto:1 AEAD_AES_256_GCM inline:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSks=`);

export const sipp = crlf(`
  v=0
  o=user1 53655765 2353687637 IN IP4 127.0.0.1
  s=-
  c=IN IP4 127.0.0.1
  t=0 0
  m=audio 6000 RTP/AVP 0
  a=rtpmap:0 PCMU/8000`);

export const browser = crlf(`
  v=0
  o=- 4611731400430051336 2 IN IP4 127.0.0.1
  s=-
  t=0 0
  a=group:BUNDLE 0 1
  a=extmap-allow-mixed
  a=msid-semantic: WMS
  m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
  c=IN IP4 0.0.0.0
  a=rtcp:9 IN IP4 0.0.0.0
  a=ice-ufrag:aaaa
  a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa
  a=fingerprint:sha-256 AA:BB
  a=setup:actpass
  a=mid:0
  a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
  a=sendrecv
  a=msid:- aaaaaaaa
  a=rtcp-mux
  a=rtpmap:111 opus/48000/2
  a=rtcp-fb:111 transport-cc
  a=fmtp:111 minptime=10;useinbandfec=1
  a=rtpmap:63 red/48000/2
  a=fmtp:63 111/111
  a=rtpmap:9 G722/8000
  a=rtpmap:0 PCMU/8000
  a=rtpmap:8 PCMA/8000
  a=rtpmap:13 CN/8000
  a=rtpmap:110 telephone-event/48000
  a=rtpmap:126 telephone-event/8000
  a=ssrc:123 cname:x
  a=ssrc:123 msid:- aaaaaaaa
  m=video 9 UDP/TLS/RTP/SAVPF 96
  c=IN IP4 0.0.0.0
  a=mid:1
  a=rtpmap:96 VP8/90000
  a=rtcp-fb:96 nack
  a=rtcp-fb:96 nack pli
  a=rtcp-fb:96 trr-int 100
  a=simulcast:send 1;2`);

export const samples = { baresip, asterisk, cube, expressway, freeswitch, sipp, browser };
