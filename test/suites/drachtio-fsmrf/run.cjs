// Runs drachtio-fsmrf's tests from its package. Environment: NODE_CONFIG with the addresses, FSMRF_FILES to choose files.
const Module = require("node:module");
const path = require("node:path");

const root = path.join(path.dirname(require.resolve("drachtio-fsmrf/package.json")), "test");

// The tests ask for clear-module to forget a file they do not have; forgetting nothing does as well.
const resolve = Module._resolveFilename;
const stub = path.join(__dirname, "forget-nothing.cjs");
Module._resolveFilename = function resolveFilename(request, ...rest) {
  return request === "clear-module" ? stub : resolve.call(this, request, ...rest);
};

const tape = require(require.resolve("tape", { paths: [root] }));
tape.onFinish(() => setTimeout(() => process.exit(), 100));

for (const file of (process.env.FSMRF_FILES || "utils,mediaserver,endpoint,conference").split(",")) require(path.join(root, file));
