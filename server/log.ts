// JSON logs on stdout. What may carry a secret is cut out here, once, whoever logs it.
import { type DestinationStream, pino, type SerializedError, stdSerializers } from "pino";
import type { Log } from "./deps.ts";

const SECRET_FIELDS = [
  "authorization",
  "cookie",
  "token",
  "secret",
  "signature",
  "password",
  "privateKey",
  "private_key",
  "apiKey",
  "api_key",
  "env",
  '["set-cookie"]',
];
const DEPTHS = ["", "*.", "*.*."];

/**
 * @param name of the process: web or worker
 * @param destination stdout when left out
 */
export function createLog(name: string, destination?: DestinationStream): Log {
  const options = {
    name,
    redact: {
      paths: SECRET_FIELDS.flatMap((field) =>
        DEPTHS.map((depth) => (field.startsWith("[") ? `${depth.slice(0, -1)}${field}` : depth + field)),
      ),
      censor: "[redacted]",
    },
    serializers: { err: describeError, error: describeError },
  };
  const logger = destination ? pino(options, destination) : pino(options);
  return {
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}

/** An error with its causes, but without what a failed query carried: its parameters may be secrets. */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { type, stack, message, code }: Partial<SerializedError> = stdSerializers.err(error);
  return {
    type,
    message: withoutParameters(message),
    code,
    stack: withoutParameters(stack),
    cause: depth < 5 && error.cause !== undefined ? describeError(error.cause, depth + 1) : undefined,
  };
}

/** drizzle writes the parameters of a failed query into its message, and so into the stack. */
function withoutParameters(text: string | undefined): string | undefined {
  return text?.replace(/\nparams: [\s\S]*?(?=\n {4}at |$)/g, "\nparams: [redacted]");
}
