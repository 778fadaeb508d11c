// Loaded into each of drachtio-srf's test files. Stands in for the containers its tests were written for:
// container names in what srf writes to the server become host:port, and `docker run … sipp …` becomes a local SIPp.
"use strict";
const childProcess = require("node:child_process");
const { join } = require("node:path");

const suite = JSON.parse(process.env.SRF_SUITE);
const escaped = Object.keys(suite.hosts)
  .sort((a, b) => b.length - a.length)
  .map((name) => name.replace(/\./g, "\\."));
const known = new RegExp(`(?<![\\w.-])(?:${escaped.join("|")})(?![\\w-]|\\.\\w)`, "g");
// A digest is made over the URI it names: credentials keep the name that srf knew.
const rewrite = (line) => (/^(proxy-)?authorization:/i.test(line) ? line : line.replace(known, (name) => suite.hosts[name]));

const WireProtocol = require(join(suite.srf, "lib", "wire-protocol.js"));
const send = WireProtocol.prototype.send;
WireProtocol.prototype.send = function (socket, message) {
  return send.call(this, socket, typeof message === "string" ? message.split("\n").map(rewrite).join("\n") : message);
};

let started = 0;
const spawn = childProcess.spawn;
childProcess.spawn = function (command, args, options) {
  if (command !== "docker" || !args.includes("sipp")) return spawn.call(this, command, args, options);
  const name = args.includes("--name") ? args[args.indexOf("--name") + 1] : undefined;
  const sipp = args.slice(args.indexOf("sipp") + 1).map((a) => a.replace(/^\/tmp\/scenarios/, suite.scenarios));
  const port = name === undefined ? suite.callerPort + 2 * started : Number(suite.hosts[name].split(":").pop());
  const media = suite.mediaPort + 8 * started++;
  if (name === undefined) sipp[sipp.length - 1] = suite.sut;
  const local = ["-i", suite.host, "-p", String(port), "-mi", suite.host, "-mp", String(media)];
  return spawn.call(this, suite.sipp, [...local, ...sipp], { ...options, stdio: ["ignore", "pipe", "pipe"] });
};
