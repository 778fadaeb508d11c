// Which room may import which. A room's own README says why; this table is what is enforced.
const room = (name) => `^src/${name}/`;
// Each room and the rooms it may import besides itself and base.
const allowed = {
  base: [],
  wire: [],
  sip: ["wire"],
  h323: ["wire"],
  srtp: ["wire"],
  negotiation: ["wire", "srtp", "rtp"],
  audio: ["wire"],
  rtp: ["wire"],
  video: ["wire", "srtp", "negotiation", "rtp"],
  io: ["wire", "sip", "h323", "security"],
  // worker threads and child processes, whatever runs in them
  threads: [],
  // media threads' sockets; of SRTP the interface by which it takes another AES-GCM
  udp: ["srtp", "io"],
  // messages as they may be shown
  trace: ["wire", "h323"],
  "sip-engine": ["wire", "sip", "io", "security", "threads", "trace"],
  "media-server": ["wire", "sip", "srtp", "negotiation", "audio", "rtp", "io", "udp", "threads"],
  // a leg speaks to its protocol: SIP through drachtio, H.323 through its sessions, browsers through the WebRTC process
  legs: ["wire", "srtp", "rtp", "negotiation", "video", "h323", "io", "webrtc", "trace"],
  // a call's media at the media server and the video relay: of legs only what a description and a cause are
  "call-media": ["wire", "srtp", "rtp", "negotiation", "video", "io", "legs", "bfcp"],
  // drachtio-fsmrf and the media server behind it
  "media-client": ["wire", "negotiation", "call-media", "legs", "trace"],
  bfcp: ["wire"],
  // WebRTC's other process: sockets and native code, no meeting
  webrtc: [],
  // the meeting page and what is spoken with it
  web: ["meetings", "security"],
  ivr: [],
  meetings: [],
  trunks: ["wire", "meetings", "security", "trace"],
  "video-relay": ["wire", "srtp", "negotiation", "video", "io", "udp", "threads"],
  sfu: ["meetings", "call-media", "legs", "video", "negotiation", "wire"],
  // security for the modes of files
  records: ["meetings", "security"],
  security: [],
  // of video and webrtc what they count, for /metrics
  admin: ["meetings", "records", "trunks", "legs", "call-media", "security", "video", "webrtc", "trace"],
};
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    ...Object.entries(allowed).map(([name, rooms]) => ({
      name: `${name}-imports`,
      severity: "error",
      comment: `src/${name} may import only base${rooms.map((r) => `, ${r}`).join("")}`,
      from: { path: room(name) },
      to: { path: "^src/", pathNot: [name, "base", ...rooms].map(room) },
    })),
    {
      name: "only-the-gateway-knows-drachtio",
      severity: "error",
      comment: "drachtio-srf and drachtio-fsmrf are the gateway's; engines speak the wire protocols themselves",
      from: { path: "^src/", pathNot: ["^src/legs/sip/", "^src/media-client/"] },
      to: { path: "node_modules/drachtio-(srf|fsmrf)" },
    },
    {
      name: "sans-io",
      severity: "error",
      comment: "wire formats and protocol machines have no sockets",
      from: { path: "^src/(base|wire|sip|h323|srtp|negotiation|audio|rtp|ivr|video)/" },
      to: { path: "^(node:)?(net|dgram|tls|http|https|dns|fs|fs/promises|worker_threads|timers|timers/promises)$" },
    },
    {
      name: "gateway-is-composed",
      severity: "error",
      comment: "the gateway is given its engines and its configuration; it does not read or start them",
      from: { path: "^src/gateway/" },
      to: { path: "^src/(app|cli|sip-engine|media-server|video-relay)/" },
    },
    { name: "adapters-apart", severity: "error", from: { path: "^src/sfu/([^/]+)/" }, to: { path: "^src/sfu/[^/]+/", pathNot: "^src/sfu/$1/" } },
    {
      name: "doors-are-for-programs",
      severity: "error",
      comment: "src/exports is what the package exports; modules import each other, not a door",
      from: { path: "^src/", pathNot: "^src/exports/" },
      to: { path: "^src/exports/" },
    },
    { name: "src-knows-no-tests", severity: "error", from: { path: "^src/" }, to: { path: "^(test|bench)/" } },
  ],
  options: { tsPreCompilationDeps: true, tsConfig: { fileName: "tsconfig.json" }, doNotFollow: { path: "node_modules" }, exclude: "\\.(wav|html|css)$" },
};
