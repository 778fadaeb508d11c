/** The conferences compared, each set up to sound as well as it can. `sip:conf-CODEC-N@` joins room N. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startAsterisk } from "../../test/support/asterisk.ts";
import { asteriskInstalled } from "../../test/support/asterisk-install.ts";
import { type Candidate, embedded } from "../conference/servers.ts";

export type { Candidate };
export { embedded };

const PJSIP = `[global]
type=global
[udp]
type=transport
protocol=udp
bind=127.0.0.1:35060
[anonymous]
type=endpoint
context=bench
disallow=all
allow=opus,g722,ulaw
direct_media=no
`;

/** The user's jitter buffer is on; the bridge mixes at the best rate of its members. */
const CONFBRIDGE = "Set(CONFBRIDGE(user,quiet)=yes)\n same => n,Set(CONFBRIDGE(user,jitterbuffer)=yes)\n same => n,";

export async function asterisk(): Promise<Candidate | undefined> {
  if (!asteriskInstalled("asterisk")) return undefined;
  const server = await startAsterisk({
    name: "sound",
    ip: "127.0.0.1",
    rtpStart: 36000,
    rtpPorts: 4000,
    pjsip: PJSIP,
    extensions: `[bench]\nexten => _co[n]f-.,1,Answer()\n same => n,${CONFBRIDGE}ConfBridge(\${EXTEN})\n`,
  });
  return { name: "Asterisk", sip: "127.0.0.1:35060", pid: server.pid, stop: () => server.stop() };
}

const profile = (name: string, rate: number) => `<profile name="${name}">
  <param name="domain" value="bench"/><param name="rate" value="${rate}"/><param name="interval" value="20"/>
  <param name="energy-level" value="0"/><param name="comfort-noise" value="false"/><param name="caller-controls" value="none"/>
</profile>`;

const FREESWITCH = `<document type="freeswitch/xml">
<section name="configuration">
<configuration name="switch.conf"><settings>
  <param name="max-sessions" value="1000"/><param name="sessions-per-second" value="500"/><param name="loglevel" value="err"/>
  <param name="rtp-start-port" value="40000"/><param name="rtp-end-port" value="43999"/><param name="rtp-enable-zrtp" value="false"/>
</settings></configuration>
<configuration name="modules.conf"><modules>
  <load module="mod_event_socket"/><load module="mod_sofia"/><load module="mod_commands"/><load module="mod_conference"/>
  <load module="mod_dptools"/><load module="mod_dialplan_xml"/><load module="mod_opus"/><load module="mod_spandsp"/>
</modules></configuration>
<configuration name="post_load_modules.conf"><modules/></configuration>
<configuration name="event_socket.conf"><settings>
  <param name="listen-ip" value="127.0.0.1"/><param name="listen-port" value="35081"/><param name="password" value="bench"/>
</settings></configuration>
<configuration name="acl.conf"><network-lists/></configuration>
<configuration name="opus.conf"><settings>
  <param name="use-vbr" value="1"/><param name="complexity" value="10"/><param name="keep-fec-enabled" value="1"/><param name="use-jb-lookahead" value="true"/>
</settings></configuration>
<configuration name="spandsp.conf"><modem-settings><param name="total-modems" value="0"/></modem-settings><fax-settings/><descriptors/></configuration>
<configuration name="timezones.conf"><timezones><zone name="GMT" value="GMT0"/></timezones></configuration>
<configuration name="conference.conf"><caller-controls><group name="none"/></caller-controls>
<profiles>${profile("PCMU", 8000)}${profile("G722", 16000)}${profile("Opus", 48000)}</profiles></configuration>
<configuration name="sofia.conf"><global_settings><param name="log-level" value="0"/></global_settings><profiles><profile name="bench"><settings>
  <param name="context" value="bench"/><param name="dialplan" value="XML"/><param name="sip-ip" value="127.0.0.1"/><param name="sip-port" value="35080"/>
  <param name="rtp-ip" value="127.0.0.1"/><param name="auth-calls" value="false"/><param name="disable-register" value="true"/>
  <param name="manage-presence" value="false"/><param name="enable-timer" value="false"/><param name="inbound-codec-negotiation" value="generous"/>
  <param name="inbound-codec-prefs" value="OPUS,G722,PCMU"/><param name="outbound-codec-prefs" value="OPUS,G722,PCMU"/>
  <param name="rtp-timer-name" value="soft"/>
</settings></profile></profiles></configuration>
</section>
<section name="dialplan"><context name="bench"><extension name="conference">
  <condition field="destination_number" expression="^conf-(PCMU|G722|Opus)-(.+)$">
    <action inline="true" application="set" data="jitterbuffer_msec=60:200"/>
    <action application="answer"/><action application="conference" data="$1-$2@$1"/>
  </condition></extension></context></section>
<section name="directory"><domain name="127.0.0.1"/></section>
<section name="languages"/>
</document>
`;

async function listening(port: number, tries: number): Promise<boolean> {
  for (let k = 0; k < tries; k++) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (there) return true;
    await delay(100);
  }
  return false;
}

/** FREESWITCH names the program. Its jitter buffer is on, 60 to 200 ms; its conferences mix at the codec's own rate, without gate and comfort noise. */
export async function freeswitch(): Promise<Candidate | undefined> {
  const program = process.env["FREESWITCH"];
  if (program === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "sound-freeswitch-"));
  const own = (name: string) => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  };
  const conf = own("conf");
  writeFileSync(join(conf, "freeswitch.xml"), FREESWITCH);
  const folders = ["log", "db", "run", "temp"].flatMap((name) => [`-${name}`, own(name)]);
  const child = spawn(program, ["-c", "-nf", "-nonat", "-nocal", "-conf", conf, ...folders], { stdio: ["pipe", "ignore", "ignore"] });
  if (!(await listening(35081, 200))) throw new Error(`${program} does not come up`);
  await delay(1000);
  return {
    name: "FreeSWITCH",
    sip: "127.0.0.1:35080",
    pid: child.pid!,
    stop: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
