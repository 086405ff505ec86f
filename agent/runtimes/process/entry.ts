// The `process` runtime as one module: built into a file of its own, because its terminal needs a native package that a
// one-file agent cannot carry.
export { openProcessRuntime } from "./process-runtime.ts";
export { whyNoSandbox } from "./sandbox.ts";
export { supervise } from "./supervisor.ts";
