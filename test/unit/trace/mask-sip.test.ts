import { describe, expect, it } from "vitest";
import { readSip } from "../../../src/trace/index.ts";

/** What must be nowhere in a trace. The words are no part of anything else in the messages below. */
const KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const WORD = "s3cr3tW0rd";
const PIN = "918273";

function shown(text: string | Buffer): string {
  const read = readSip(Buffer.isBuffer(text) ? text : Buffer.from(text.replaceAll(/\r?\n/g, "\r\n"), "utf8"), () => "full");
  const { summary, head, body } = read!;
  return [summary, head, body ?? ""].join("\n");
}

function invite(fields: readonly string[], body = "", type = "application/sdp", uri = "sip:2000@gw.example"): string {
  const content = body === "" ? [] : [`Content-Type: ${type}`];
  const lines = ["Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bKabc", "Call-ID: call-1@host", "CSeq: 1 INVITE", ...fields, ...content];
  return `INVITE ${uri} SIP/2.0\n${lines.join("\n")}\n\n${body}`;
}

const MULTIPART = (part: string) => `--b1\r\n${part}\r\n--b1--\r\n`;

/** Every place of a message in which a secret can stand, with the spellings that a parser takes. */
const PLACES: Readonly<Record<string, string>> = {
  "Request-URI, dial string": invite([], "", "", `sip:2000**${PIN}@gw.example`),
  "Request-URI, escaped": invite([], "", "", `sip:2000%2A%2a${PIN}@gw.example`),
  "Request-URI, escaped twice": invite([], "", "", `sip:2000%252A${PIN}@gw.example`),
  "Request-URI, upper-case scheme": invite([], "", "", `SIPS:2000##${PIN}@gw.example`),
  "Request-URI, number sign": invite([], "", "", `sip:2000%23%23${PIN}@gw.example;user=phone`),
  "Request-URI, user parameter": invite([], "", "", `sip:2000;pin=${PIN}@gw.example`),
  "Request-URI, parameter": invite([], "", "", `sip:2000@gw.example;pin=${PIN}`),
  "Request-URI, parameter of another name": invite([], "", "", `sip:2000@gw.example;x-code=${WORD};lr`),
  "Request-URI, bare parameter": invite([], "", "", `sip:2000@gw.example;${PIN}`),
  "Request-URI, password": invite([], "", "", `sip:alice:${WORD}@gw.example`),
  "Request-URI, header field": invite([], "", "", `sip:2000@gw.example?Authorization=${WORD}`),
  "Request-URI, pause": invite([], "", "", `tel:+15550100p${PIN}`),
  "Request-URI, tel parameter": invite([], "", "", `tel:+15550100;postd=${PIN}`),
  "Request-URI, no host": invite([], "", "", `sip:2000*${PIN}`),
  "Request-URI, URL with a token": invite([], "", "", `https://gw.example/join/${WORD}?token=${KEY}`),
  "Request-URI, long user": invite([], "", "", `sip:${KEY}${KEY}@gw.example`),
  To: invite([`To: <sip:2000**${PIN}@gw.example>`]),
  "To, compact": invite([`t: <sip:2000**${PIN}@gw.example>`]),
  "To, upper case": invite([`TO : <sip:2000**${PIN}@gw.example>`]),
  "To, folded": invite([`To:\n <sip:2000**${PIN}@gw.example>`]),
  "To, no brackets": invite([`To: sip:2000**${PIN}@gw.example;tag=1`]),
  "To, display name": invite([`To: "2000**${PIN}" <sip:2000@gw.example>`]),
  "To, display name without quotes": invite([`To: 2000#${PIN} <sip:2000@gw.example>`]),
  "To, parameter": invite([`To: <sip:2000@gw.example>;x-pin=${PIN}`]),
  "To, broken": invite([`To: <sip:2000**${PIN}`]),
  "From, display name": invite([`f: "PIN: ${PIN}" <sip:a@b.example>`]),
  Contact: invite([`m: <sip:2000**${PIN}@192.0.2.7>;expires=60;token=${WORD}`]),
  "Refer-To": invite([`Refer-To: <sip:2000**${PIN}@gw.example>`]),
  "Refer-To, compact": invite([`r: <sip:2000@gw.example?X-PIN=${PIN}>`]),
  "Referred-By": invite([`b: <sip:2000**${PIN}@gw.example>;cid="${WORD}"`]),
  "History-Info": invite([`History-Info: <sip:2000**${PIN}@gw.example>;index=1, <sip:3000;pin=${PIN}@gw.example>;index=2`]),
  "P-Asserted-Identity": invite([`P-Asserted-Identity: "x" <tel:+1555;ext=${PIN}>`]),
  "Call-Info": invite([`Call-Info: <https://web.example/join?token=${WORD}>;purpose=info`]),
  "Alert-Info": invite([`Alert-Info: <http://user:${WORD}@web.example/ring/${PIN}.wav>`]),
  Warning: invite([`Warning: 399 gw "no meeting 2000**${PIN}"`]),
  Reason: invite([`Reason: SIP;cause=404;text="2000**${PIN}"`]),
  Subject: invite([`s: PIN ${PIN}`, `Subject: pin=${PIN}`]),
  Authorization: invite([`Authorization: Digest username="a", realm="r", nonce="${KEY}", uri="sip:x", response="${WORD}"`]),
  "Authorization, lower case": invite([`authorization: digest response=${WORD}`]),
  "Authorization, folded": invite([`Authorization: Digest username="a",\n\tresponse="${WORD}"`]),
  "Authorization, Basic": invite([`AUTHORIZATION: Basic ${KEY}`]),
  "Authorization, Bearer": invite([`Authorization: Bearer ${KEY}`]),
  "Authorization, no scheme": invite([`Authorization: ${KEY}`]),
  "Proxy-Authorization": invite([`Proxy-Authorization : Digest response="${WORD}"`]),
  "Authentication-Info": invite([`Authentication-Info: rspauth="${WORD}", nextnonce="${KEY}"`]),
  "WWW-Authenticate": invite([`WWW-Authenticate: Digest realm="r", nonce="${KEY}", opaque="${WORD}"`]),
  Identity: invite([`Identity: ${KEY}.${KEY}.${KEY};info=<https://c.example/${WORD}>;alg=ES256`]),
  "Identity, compact": invite([`y: "${KEY}"`]),
  "Identity-Info": invite([`n: <https://c.example/c.cer?token=${WORD}>`]),
  Cookie: invite([`Cookie: session=${WORD}`, `Set-Cookie: session=${KEY}`]),
  "a field of another name": invite([`X-Join-Token: ${WORD}`, `X-PIN: ${PIN}`, `X-Crosspoint-Proof: ${KEY}`, `P-Charging-Vector: ${WORD}`]),
  "a field's name": invite([`PIN${PIN}: x`]),
  "a line that is no field": invite([`secret ${WORD}`, `(${PIN}): x`]),
  "User-to-User": invite([`User-to-User: ${KEY};encoding=hex`]),
  "media server's word": invite([`User-Agent: drachtio-fsmrf:${WORD}`]),
  "a=crypto": invite([], `v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}|2^20|1:4`),
  "a=crypto, several keys": invite([], `v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY};inline:${KEY} UNENCRYPTED_SRTP`),
  "a=crypto, upper case": invite([], `V=0\nA=CRYPTO:1 AEAD_AES_256_GCM INLINE:${KEY}`),
  "a=crypto, blanks": invite(
    [],
    `v=0\na=crypto :1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}\na= crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`,
  ),
  "a=crypto, no colon": invite([], `v=0\na=crypto 1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`),
  "a=crypto, key for suite": invite([], `v=0\na=crypto:1 ${KEY} inline:x`),
  "a=crypto, folded": invite([], `v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80\n inline:${KEY}`),
  "a=crypto in capabilities": invite([], `v=0\na=acap:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}\na=acap:2 key-mgmt:mikey ${KEY}`),
  "a=crypto of a source": invite([], `v=0\na=ssrc:1 crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`),
  "a=key-mgmt": invite([], `v=0\na=key-mgmt:mikey ${KEY}\na=KEY-MGMT:mikey ${KEY}`),
  "k=": invite([], `v=0\nk=base64:${KEY}\nK=clear:${WORD}`),
  "a=ice-pwd": invite([], `v=0\na=ice-ufrag:abcd\na=ice-pwd:${KEY}`),
  "an attribute of another name": invite([], `v=0\na=x-token:${WORD}\na=${KEY}`),
  "a line of another type": invite([], `v=0\ni=PIN ${PIN}\nu=https://x.example/?token=${WORD}\np=+1 ${PIN}\nx=${KEY}`),
  "o= and s=": invite([], `v=0\no=2000**${PIN} 1 1 IN IP4 192.0.2.7\ns=2000**${PIN}`),
  "SDP of a type in upper case": invite([], `v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, "APPLICATION/SDP;charset=utf-8"),
  "SDP without a type": invite([], `v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, ""),
  "SDP under another type": invite([], `v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`, "text/plain"),
  "SDP, compressed": invite(["e: gzip"], `v=0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`),
  "SDP in a multipart body": invite(
    [],
    MULTIPART(`Content-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`),
    'multipart/mixed; boundary="b1"',
  ),
  "a multipart body's fields": invite(
    [],
    MULTIPART(`C: application/x\r\nAuthorization: Digest ${WORD}\r\n\r\n${PIN}`),
    "multipart/mixed;boundary=b1",
  ),
  "multipart without its boundary": invite([], MULTIPART(`Content-Type: application/sdp\r\n\r\nk=clear:${WORD}`), "multipart/mixed"),
  "multipart in multipart": invite(
    [],
    MULTIPART(
      `Content-Type: multipart/mixed;boundary=b2\r\n\r\n--b2\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=${PIN}\r\n--b2--`,
    ),
    "Multipart/Related;Boundary=b1",
  ),
  "INFO, dtmf-relay": invite([], `Signal=${PIN}\nDuration=160`, "application/dtmf-relay").replaceAll("INVITE", "INFO"),
  "INFO, dtmf-relay, upper case and blanks": invite([], `SIGNAL = ${PIN}\nDuration= ${PIN}9`, "Application/DTMF-Relay"),
  "INFO, dtmf-relay, a line that is none": invite([], `${PIN}\nX=${WORD}`, "application/dtmf-relay"),
  "INFO, dtmf": invite([], PIN, "application/dtmf"),
  "INFO, telephone-event": invite([], `event ${PIN}`, "application/telephone-event"),
  "INFO, KPML": invite([], `<kpml-response digits="${PIN}"/>`, "application/kpml-response+xml"),
  "INFO, text": invite([], PIN, "text/plain"),
  "INFO, a body of another type": invite([], `${KEY}`, "application/x-vendor"),
  "a type that is none": invite([], PIN, `x ${WORD}`),
  sipfrag: invite(
    [],
    `SIP/2.0 404 2000**${PIN}\nAuthorization: Digest ${WORD}\nTo: <sip:2000**${PIN}@x.example>`,
    "message/sipfrag;version=2.0",
  ),
  "sipfrag, a request": invite([], `INVITE sip:2000**${PIN}@x.example SIP/2.0\n\nk=${KEY}`, "message/sipfrag"),
  "reason phrase": `SIP/2.0 404 2000**${PIN} not found\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nCSeq: 1 INVITE\nCall-ID: x\n\n`,
  "Via, a parameter": invite([`v: SIP/2.0/UDP h;branch=z9hG4bK1;x-token=${WORD}`]),
  "Via, broken": invite([`Via: ${WORD}`]),
  method: invite([], "", "").replace("INVITE", WORD),
  "no SIP at all": `${WORD} ${PIN} ${KEY}`,
  "no SIP, a first line like one": `INVITE sip:2000**${PIN}@gw.example SIP/3\n${WORD}\n\n${KEY}`,
  "no SIP, credentials in the first line": `INVITE sip:x SIP/2.0 Authorization: ${WORD}\n`,
  "no SIP, a status line": `SIP/2.0 9999999 ${WORD}\n${KEY}`,
  "no SIP, one line in front": `GET /join?token=${WORD} HTTP/1.1\nCookie: ${KEY}\n\n`,
};

describe("SIP in a trace", () => {
  it.each(Object.entries(PLACES))("shows no key, PIN or credential: %s", (_place, text) => {
    const out = shown(text);
    for (const secret of [KEY, WORD, PIN]) expect(out).not.toContain(secret);
  });

  it("shows what an operator looks for", () => {
    const sdp = `v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\nm=audio 4000 RTP/SAVP 0 101\na=rtpmap:0 PCMU/8000\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${KEY}`;
    const out = shown(
      invite(
        [
          'From: "Zoë Müller" <sip:+15550123@edge.example;user=phone>;tag=f1',
          "To: <sip:2000@gw.example>",
          'Contact: <sip:a@192.0.2.7:5061;transport=tls>;+sip.instance="<urn:uuid:1>"',
          "x-cisco-site-uuid: 00112233445566778899aabbccddeeff",
          "Supported: timer,replaces",
        ],
        sdp,
      ),
    );
    expect(out.split("\n")).toEqual(
      expect.arrayContaining([
        "INVITE SDP",
        "INVITE sip:2000@gw.example SIP/2.0",
        "Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bKabc",
        "Call-ID: call-1@host",
        'From: "Zoë Müller" <sip:+15550123@edge.example;user=phone>;tag=f1',
        'Contact: <sip:a@192.0.2.7:5061;transport=tls>;+sip.instance="<urn:uuid:1>"',
        "x-cisco-site-uuid: 00112233445566778899aabbccddeeff",
        "Supported: timer,replaces",
        "m=audio 4000 RTP/SAVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 [masked]",
      ]),
    );
  });

  it("has no body where only header fields are wanted, and nothing where nothing is", () => {
    const data = Buffer.from(invite([], "v=0"));
    expect(readSip(data, () => "headers")).toMatchObject({ callId: "call-1@host", summary: "INVITE SDP", body: null });
    expect(readSip(data, () => "off")).toBeUndefined();
    expect(readSip(Buffer.from("nonsense"), () => "off")).toBeUndefined();
  });

  it("writes nothing that a terminal would obey", () => {
    const evil = "\u001b]0;x\u0007\u009b31m\u202e\u200b";
    const out = shown(
      invite([`Subject: ${evil}`, `User-Agent: ${evil}`, `From: "${evil}" <sip:${evil}@x>`, `Call-ID: ${evil}`], `s=${evil}`),
    );
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202e]/);
    expect(out).toContain("\\x1b");
  });

  it("tells the length of what cannot be read", () => {
    expect(shown(Buffer.from([0, 1, 2, 3, 255]))).toBe("unreadable\n[masked, 5 bytes]\n[unreadable, 5 bytes in all]\n");
  });
});

describe("fields and attributes of a known form show that form alone", () => {
  const message = (fields: string, body = "") =>
    Buffer.from(
      `INVITE sip:1000@gw SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\n${fields}\r\n` +
        `${body === "" ? "" : "Content-Type: application/sdp\r\n"}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  const shown = (data: Buffer) => JSON.stringify(readSip(data, () => "full"));
  it.each([
    "Session-Expires: 1800;x=s3cr3t",
    "Session-Expires: s3cr3t",
    "Min-SE: s3cr3t",
    "RSeq: s3cr3t",
    "Expires: 60;s3cr3t",
    "Max-Forwards: 70 s3cr3t",
    "CSeq: 1 INVITE s3cr3t",
    "CSeq: s3cr3t INVITE",
    "RAck: 1 2 s3cr3t s3cr3t",
    "Retry-After: 5 (s3cr3t)",
    "Content-Disposition: session;h=s3cr3t",
  ])("%s", (field) => expect(shown(message(`CSeq: 1 INVITE\r\n${field}`))).not.toContain("s3cr3t"));
  it.each(["v=s3cr3t", "b=AS:s3cr3t", "a=sendrecv s3cr3t", "a=sendrecv:s3cr3t", "a=ptime:20 s3cr3t", "a=rtcp-mux:s3cr3t"])("%s", (line) =>
    expect(shown(message("CSeq: 1 INVITE", `v=0\r\ns=-\r\n${line}\r\n`))).not.toContain("s3cr3t"),
  );
  it("and show it whole where it is right", () => {
    const text = shown(
      message(
        "CSeq: 7 INVITE\r\nSession-Expires: 1800;refresher=uac\r\nMax-Forwards: 70",
        "v=0\r\nb=AS:64\r\na=ptime:20\r\na=sendrecv\r\n",
      ),
    );
    for (const part of ["CSeq: 7 INVITE", "1800;refresher=uac", "Max-Forwards: 70", "b=AS:64", "a=ptime:20", "a=sendrecv"])
      expect(text).toContain(part);
  });
});
