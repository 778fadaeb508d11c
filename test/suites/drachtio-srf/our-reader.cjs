// Loaded before drachtio-srf: its tests then run with the reader that the gateway puts in the place of its parser.
"use strict";
const { createRequire } = require("node:module");
const { installReader } = require("../../../src/legs/sip/srf-reader.ts");

installReader(createRequire(require.resolve("../../../package.json")));
