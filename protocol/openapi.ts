// OpenAPI 3.1, written from the operations: what the dispatcher checks is what this describes.
import { z } from "zod";
import { PROBLEMS } from "../domain/errors.ts";
import { SIGNATURE_HEADERS } from "./agent.ts";
import type { Access, OperationShape } from "./operation.ts";
import { OPERATION_NAMES, operations, pathOf } from "./operations.ts";
import { Problem } from "./problem.ts";

type Json = Record<string, unknown>;

/** @param version of Berth */
export function openApi(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const name of OPERATION_NAMES) {
    const path = pathOf(name).replaceAll(/:([a-z_]+)/g, "{$1}");
    paths[path] = {
      ...paths[path],
      [operations[name].method.toLowerCase()]: describeOperation(name, operations[name]),
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Berth",
      version,
      description:
        "The open broker for GPUs. Times are RFC 3339 with a zone; money is USD as a decimal string with 6 places.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: { Problem: schemaOf(Problem, "output") },
      responses: {
        Problem: { description: problemCodes(), content: { "application/problem+json": { schema: ref("Problem") } } },
      },
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "A session token of /auth/login, or an API key (bk_…) with the scope named.",
        },
        agent: {
          type: "apiKey",
          in: "header",
          name: SIGNATURE_HEADERS.signature,
          description: `Ed25519 over method, path, time, sequence and body hash, with ${SIGNATURE_HEADERS.time} and ${SIGNATURE_HEADERS.sequence}.`,
        },
      },
    },
  };
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

function problemCodes(): string {
  const codes = Object.entries(PROBLEMS).map(([code, { status }]) => `${status} ${code}`);
  return `A refusal; \`code\` is stable: ${codes.join(", ")}.`;
}

function describeOperation(operationId: string, operation: OperationShape): Json {
  const body = schemaOf(operation.body, "input");
  const takesBody = operation.method !== "GET" && !isEmpty(body);
  const parameters = [
    ...parametersOf(schemaOf(operation.params, "input"), "path"),
    ...parametersOf(schemaOf(operation.query, "input"), "query"),
    ...(operation.idempotent ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId,
    summary: operation.summary,
    security: securityOf(operation.access),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(takesBody ? { requestBody: { required: true, content: { "application/json": { schema: body } } } } : {}),
    responses: {
      [operation.status]: {
        description: "Done",
        ...(operation.status === 204
          ? {}
          : { content: { "application/json": { schema: schemaOf(operation.response, "output") } } }),
      },
      default: { $ref: "#/components/responses/Problem" },
    },
  };
}

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "The same key with the same request does it once and answers alike; with another request it is refused.",
  schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,200}$" },
};

/** What must be shown: nothing for public operations, where a token is welcome still. */
function securityOf(access: Access): Json[] {
  if (access === "public") return [{}, { token: [] }];
  if (access === "node") return [{ token: ["providers"] }];
  return access === "agent" ? [{ agent: [] }] : [{ token: [access] }];
}

function parametersOf(schema: Json, place: "path" | "query"): Json[] {
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(propertiesOf(schema)).map(([name, property]) => ({
    name,
    in: place,
    required: required.includes(name),
    // Lists are repeated: gpu=A&gpu=B.
    ...(isList(property) ? { style: "form", explode: true } : {}),
    schema: property,
  }));
}

/** @param io input for what is sent to us, output for what we send */
export function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return described;
}

function propertiesOf(schema: Json): Json {
  return typeof schema.properties === "object" && schema.properties !== null ? { ...schema.properties } : {};
}

function isList(property: unknown): boolean {
  return typeof property === "object" && property !== null && "type" in property && property.type === "array";
}

function isEmpty(schema: Json): boolean {
  return schema.type === "object" && Object.keys(propertiesOf(schema)).length === 0;
}
