import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { samePinSync } from "../../meetings/pin.ts";
import type { Trunk } from "../../trunks/model.ts";
import { toE164 } from "../../trunks/numbering.ts";
import { checkCertificates } from "./certificate-checks.ts";
import { type Config, type Findings, isLoopback } from "./config.ts";
import { engineChecks } from "./engine-checks.ts";
import { type Addresses, checkShutOut } from "./shut-out.ts";
import type { Path } from "./source.ts";

/** What no single key can tell: keys that contradict each other, the files they name, and the engines chosen. `addresses` are those of names, where they are known. */
export function crossCheck<T>(
  config: Config,
  locate: (path: Path, message: string) => T,
  addresses?: Addresses,
): { mistakes: T[]; warnings: T[] } {
  const mistakes: T[] = [];
  const warnings: T[] = [];
  const findings: Findings = {
    mistake: (path, message) => mistakes.push(locate(path, message)),
    warn: (path, message) => warnings.push(locate(path, message)),
  };
  checkNumbers(config, findings);
  checkMeetings(config, findings);
  checkTrunks(config, findings);
  checkListeners(config, findings);
  checkExposure(config, findings);
  checkShutOut(config, findings, addresses);
  checkTokens(config, findings);
  checkCertificates(config, findings);
  engineChecks(config, findings);
  checkModules(config, findings);
  return { mistakes, warnings };
}

/** Modules of the operator's own are where they are said to be; they are loaded by the start only. */
function checkModules({ sfu, trunks }: Config, { mistake }: Findings): void {
  const seek = (path: Path, file: string | undefined) => {
    if (file !== undefined && !existsSync(file)) mistake(path, `${file}: no such file`);
  };
  seek(["sfu"], sfu.includes("/") ? sfu : undefined);
  for (const [i, { identity }] of trunks.entries()) seek(["trunks", i, "identity", "module"], identity.module);
}

/** Everything that can be dialled is dialled once. */
function checkNumbers(config: Config, findings: Findings): void {
  const { mistake } = findings;
  const seen = new Map<string, string>();
  const claim = (number: string, path: Path, owner: string): void => {
    const other = seen.get(number.toLowerCase());
    if (other === undefined) seen.set(number.toLowerCase(), owner);
    else mistake(path, `"${number}" already is ${other}`);
  };
  for (const [i, meeting] of config.meetings.entries()) claim(meeting.id, ["meetings", i, "id"], `meeting ${meeting.id}`);
  for (const [i, meeting] of config.meetings.entries()) {
    for (const [j, alias] of (meeting.aliases ?? []).entries()) claim(alias, ["meetings", i, "aliases", j], `meeting ${meeting.id}`);
  }
  for (const [i, number] of config.accessNumbers.entries()) claim(number, ["accessNumbers", i], "an access number");
  checkAccessNumbers(config, findings);
}

/** Telephone numbers: one owner each within a tenant, trunks and meetings that there are. */
function checkAccessNumbers({ numbers, trunks, meetings, accessNumbers }: Config, { mistake, warn }: Findings): void {
  const owners = new Map<string, string>();
  const keyOf = (number: string, tenant: string | null) => `${tenant ?? ""} ${number}`;
  for (const { id, aliases = [], tenant } of meetings) {
    for (const alias of aliases) owners.set(keyOf(toE164(alias).number ?? alias, tenant ?? null), `meeting ${id}`);
  }
  for (const number of accessNumbers) owners.set(keyOf(toE164(number).number ?? number, null), "one of accessNumbers");
  for (const [i, { number, trunk, tenant, meeting }] of numbers.entries()) {
    const at = ["numbers", i] as const;
    const owner = owners.get(keyOf(number, tenant));
    if (owner === undefined) owners.set(keyOf(number, tenant), `numbers[${i}]`);
    else mistake([...at, "number"], `"${number}" already is ${owner}`);
    const carrier = trunks.find(({ name }) => name === trunk);
    if (trunk !== null && !carrier) mistake([...at, "trunk"], `there is no trunk "${trunk}"`);
    else if (carrier && carrier.tenant !== tenant) mistake([...at, "tenant"], `trunk "${trunk}" is of ${tenantName(carrier.tenant)}`);
    if (meeting === null) continue;
    const reached = meetings.find(({ id }) => id === meeting);
    if (!reached)
      warn([...at, "meeting"], `no meeting of this file is "${meeting}": callers hear that there is none until the API makes it`);
    else if ((reached.tenant ?? null) !== tenant)
      mistake([...at, "meeting"], `meeting "${meeting}" is of ${tenantName(reached.tenant ?? null)}`);
  }
}

const tenantName = (tenant: string | null): string => (tenant === null ? "no tenant" : `tenant "${tenant}"`);

function checkMeetings(config: Config, { mistake, warn }: Findings): void {
  for (const [i, meeting] of config.meetings.entries()) {
    if (meeting.guestPin && meeting.hostPin && samePinSync(meeting.guestPin, meeting.hostPin))
      mistake(["meetings", i, "hostPin"], "must differ from guestPin: the PIN tells who is host");
    if (!meeting.hostPin) {
      if (meeting.waitForHost) warn(["meetings", i, "waitForHost"], "there is no hostPin: guests wait until the admin API brings a host");
      if (meeting.endWithHost) warn(["meetings", i, "endWithHost"], "there is no hostPin: nobody is host, so this does nothing");
    }
  }
}

const secure = (transport: string): boolean => transport === "tls" || transport === "wss";

function checkTrunks(config: Config, findings: Findings): void {
  const names = new Set<string>();
  for (const [i, trunk] of config.trunks.entries()) {
    if (names.has(trunk.name)) findings.mistake(["trunks", i, "name"], `there is another trunk "${trunk.name}"`);
    names.add(trunk.name);
    if (trunk.name === "unknown") findings.mistake(["trunks", i, "name"], `"unknown" is the name of callers that no trunk matches`);
    checkTrunk(trunk, ["trunks", i], config, findings);
    checkIdentity(trunk, ["trunks", i, "identity"], findings);
  }
  if (config.unknownCallers) checkTrunk(config.unknownCallers, ["unknownCallers"], config, findings);
  const tenants = new Set(config.meetings.map((meeting) => meeting.tenant).filter(Boolean));
  for (const [i, trunk] of config.trunks.entries()) {
    if (trunk.dialling?.out === "national" && trunk.dialling.country === undefined)
      findings.mistake(["trunks", i, "dialling", "out"], "national numbers are those of a country: say dialling.country");
    if (trunk.tenant && !tenants.has(trunk.tenant))
      findings.warn(["trunks", i, "tenant"], `no meeting of this file is of tenant "${trunk.tenant}"`);
  }
}

function checkIdentity({ identity, register, target }: Trunk, path: Path, { mistake, warn }: Findings): void {
  const { certificateNames, networks, digest, registration, module } = identity;
  if ([certificateNames, networks, digest, registration, module, register].every((kind) => kind === undefined)) {
    mistake(
      path,
      "expected at least one of certificateNames, networks, digest, registration, module: without any, nobody would be this trunk",
    );
  }
  if (registration && registration.minSeconds > registration.maxSeconds)
    mistake([...path, "registration", "minSeconds"], `is longer than maxSeconds (${registration.maxSeconds})`);
  if (registration && target !== null)
    warn([...path, "registration"], "calls to this trunk go to its target, not to where it has registered from: leave target out for that");
}

function checkTrunk(trunk: Trunk, path: Path, { h323 }: Config, { mistake, warn }: Findings): void {
  const noTls = trunk.transports !== undefined && !trunk.transports.some(secure);
  if (noTls && (trunk.identity.certificateNames || trunk.identity.ca)) {
    mistake([...path, "transports"], "a certificate is only shown over tls or wss: with these transports the trunk never matches");
  }
  if (trunk.srtp === "required" && noTls && !trunk.privateNetwork) {
    // H.235.6 agrees on its keys without sending them, over TCP too.
    if (trunk.transports?.includes("tcp") && h323.signalling !== null)
      warn(
        [...path, "srtp"],
        "SRTP keys are accepted over tls and wss only: with these transports SIP calls are refused, H.323 calls need H.235.6",
      );
    else
      mistake(
        [...path, "srtp"],
        "SRTP keys are accepted over tls and wss only: with these transports every call is refused. Allow tls, or set privateNetwork",
      );
  }
  if (trunk.privateNetwork && trunk.srtp !== "none" && !trunk.identity.networks) {
    warn([...path, "privateNetwork"], "without identity.networks, SRTP keys are accepted in clear from anywhere");
  }
  if (trunk.media?.latch === "any" && trunk.srtp !== "required")
    warn([...path, "media", "latch"], "any: without SRTP a stranger who sends to a call's media port first hears it and presses its keys");
  if (trunk.suites && trunk.srtp === "none") warn([...path, "suites"], "srtp is none: suites are not used");
  const target = trunk.target ?? "";
  if (trunk.srtp === "required" && target !== "" && !trunk.privateNetwork && !/^sips:|^h323:|transport=(tls|wss)/i.test(target)) {
    mistake([...path, "target"], "srtp is required, but keys are sent over tls only: add ;transport=tls, or set privateNetwork");
  }
}

/** Listeners do not take each other's ports. */
function checkListeners(config: Config, { mistake }: Findings): void {
  const embedded = config.engine.sip === "embedded";
  const sip = embedded ? (["tcp", "tls", "ws", "wss"] as const).map((key) => [["sip", key], config.sip[key]] as const) : [];
  const tcp: (readonly [Path, number | null])[] = [
    ...sip,
    [["h323", "signalling"], config.h323.signalling],
    [["h323", "tls"], config.h323.tls],
    [["web", "port"], config.web.port],
    [["web", "metrics", "port"], config.web.metrics.port],
  ];
  const taken = new Map<number, Path>();
  for (const [path, port] of tcp) {
    if (!port) continue;
    const other = taken.get(port);
    if (other) mistake(path, `TCP port ${port} is ${other.join(".")}'s already`);
    else taken.set(port, path);
  }
  const udp: (readonly [Path, number | null])[] = [
    ...(embedded ? [[["sip", "udp"], config.sip.udp] as const] : []),
    [["h323", "ras"], config.h323.ras],
    [["h323", "multiplex"], config.h323.multiplex],
  ];
  if (config.h323.multiplex !== null && (config.h323.multiplex & 1) === 1)
    mistake(["h323", "multiplex"], "expected an even port: RTCP is on the next");
  if (config.sip.udp !== null && embedded && config.sip.udp !== 0 && config.sip.udp === config.h323.ras)
    mistake(["h323", "ras"], `UDP port ${config.sip.udp} is sip.udp's already`);
  if (config.h323.tls !== null && config.h323.signalling === null)
    mistake(["h323", "tls"], "goes with h323.signalling, which is off: without it H.323 is not spoken");
  const { min, max } = config.media.ports;
  for (const [path, port] of udp) if (port && port >= min && port <= max) mistake(path, `UDP port ${port} lies within media.ports`);
  if (config.sip.minSe > config.sip.sessionExpires)
    mistake(["sip", "minSe"], `is longer than sip.sessionExpires (${config.sip.sessionExpires})`);
}

function checkTokens({ admin, web }: Config, { mistake, warn }: Findings): void {
  const names = new Set<string>();
  const tokens = new Set(admin.token === null ? [] : [admin.token]);
  for (const [i, { name, token, expires }] of admin.tokens.entries()) {
    if (names.has(name)) mistake(["admin", "tokens", i, "name"], `there is another token "${name}"`);
    if (tokens.has(token)) mistake(["admin", "tokens", i, "token"], "is the same as another's: one token has one role");
    names.add(name);
    tokens.add(token);
    if (expires !== null && Date.parse(expires) <= Date.now()) warn(["admin", "tokens", i, "expires"], "is over: the token is refused");
  }
  for (const network of ["0.0.0.0/0", "::/0"]) {
    const at = web.trustedProxies.indexOf(network);
    if (at >= 0) warn(["web", "trustedProxies", at], "everybody is believed: any client may give itself any address");
  }
}

/** Who may register with our gatekeeper, and with what proof. */
function checkRegistration({ h323: { gatekeeper } }: Config, warn: Findings["warn"]): void {
  const { registration, endpoints } = gatekeeper;
  const path = ["h323", "gatekeeper", "registration"] as const;
  if (registration === "anybody")
    warn(path, "any H.323 endpoint may register, and is called by the names it gives itself: list them in endpoints, each with a password");
  for (const [i, { alias, password }] of endpoints.entries())
    if (password === undefined)
      warn(["h323", "gatekeeper", "endpoints", i], `whoever comes first may register as ${alias}: give it a password`);
}

function checkExposure(config: Config, { warn }: Findings): void {
  const local = isLoopback(config.listen);
  const anyAddress = config.listen === "0.0.0.0" || config.listen === "::";
  if (anyAddress && config.media.advertise === null)
    warn(
      ["media", "advertise"],
      `listening on ${config.listen}: peers are told to send media to this machine's first address, unless this says to which`,
    );
  if (anyAddress && config.sip.advertise === null && config.engine.sip === "embedded") {
    warn(
      ["sip", "advertise"],
      `listening on ${config.listen}: peers are told this machine's first address in Via and Contact, unless this says which`,
    );
  }
  if (!local && config.web.port !== null && !config.web.tls)
    warn(["web", "tls"], "the admin token crosses the network in clear: turn on tls, or put a proxy in front");
  if (!local && config.unknownCallers) warn(["unknownCallers"], "anybody who reaches the listeners may call: meant for tests");
  if (!config.demo && config.h323.ras !== null && config.h323.signalling !== null) checkRegistration(config, warn);
  if (!config.demo && config.unknownCallers && config.unknownCallers.srtp !== "required")
    warn(
      ["unknownCallers", "srtp"],
      "strangers may call without encryption: set it to required, and they are refused (488, in H.323 without H.235.6 cause 79)",
    );
  if (!local && config.certificates.development !== null)
    warn(["certificates", "development"], "a development CA's key lies in this folder: never for production");
  for (const [engine, secret, sample] of [
    ["drachtio", "secret", "cymru"],
    ["freeswitch", "password", "ClueCon"],
  ] as const) {
    const chosen = engine === "drachtio" ? config.engine.sip === "drachtio" : config.engine.media === "freeswitch";
    const given = engine === "drachtio" ? config.engine.drachtio.secret : config.engine.freeswitch.password;
    if (chosen && given === sample && !isLoopback(config.engine[engine].host)) {
      warn(["engine", engine, secret], "the secret that everybody knows, on a host that is not this one");
    }
  }
  if (config.listen === "::")
    warn(["listen"], "media have one address family: callers by IPv4 get no audio here; listen on 0.0.0.0 or an address of IPv4 for them");
  if (isIP(config.listen) === 6 && config.media.advertise !== null && isIP(config.media.advertise) === 4) {
    warn(["media", "advertise"], "an IPv4 address, while listening on IPv6");
  }
}
