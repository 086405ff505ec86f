// The variables of the environment, and how each may be written. An empty one is absent.
import { z } from "zod";
import { isCidr } from "./cidr.ts";

const MIN_SECRET_LENGTH = 32;

const emptyIsAbsent = (value: unknown) => (typeof value === "string" && value.trim() === "" ? undefined : value);
const optional = <S extends z.ZodType>(schema: S) => z.preprocess(emptyIsAbsent, schema.optional());
const list = (item: z.ZodType<string, string>) =>
  optional(
    z
      .string()
      .transform((text) =>
        text
          .split(",")
          .map((part) => part.trim())
          .filter(Boolean),
      )
      .pipe(z.array(item)),
  );

const Flag = z.stringbool({ truthy: ["1", "true", "yes"], falsy: ["0", "false", "no"], error: "must be 1 or 0" });
const Port = z
  .string()
  .regex(/^\d{1,5}$/, "must be a port")
  .transform(Number)
  .pipe(z.number().min(1).max(65_535));
const Address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "must be an address: 0x and 40 hexadecimal digits")
  .transform((text) => text.toLowerCase());
const Cidr = z.string().refine(isCidr, "must be addresses or CIDRs, such as 10.0.0.0/8");

const REGISTRY = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/;

/** All of them, each by itself; what they must be together is for env.ts to say. */
export const Vars = z.object({
  DATABASE_URL: optional(z.string().regex(/^postgres(ql)?:\/\//, "must be a postgres:// URL")),
  POSTGRES_HOST: optional(z.string()),
  POSTGRES_PORT: optional(Port),
  POSTGRES_DB: optional(z.string()),
  POSTGRES_USER: optional(z.string()),
  POSTGRES_PASSWORD: optional(z.string()),
  HOST: optional(z.string()),
  PORT: optional(Port),
  PROXY_PORT: optional(Port),
  METRICS_PORT: optional(Port),
  PUBLIC_URL: optional(z.url({ protocol: /^https?$/, error: "must be a URL, such as https://berth.example" })),
  NEXTAUTH_URL: optional(z.url({ protocol: /^https?$/, error: "must be a URL" })),
  BERTH_DEMO: optional(Flag),
  BERTH_SECRET_KEY: optional(z.string().regex(/^[0-9a-fA-F]{64}$/, "must be 64 hexadecimal digits")),
  NEXTAUTH_SECRET: optional(z.string().min(MIN_SECRET_LENGTH, `must have at least ${MIN_SECRET_LENGTH} characters`)),
  OPERATOR_ADDRESSES: list(Address),
  TRUSTED_PROXIES: list(Cidr),
  ANONYMOUS_ACCOUNT: optional(Address),
  PLATFORM_FEE_BPS: optional(
    z
      .string()
      .regex(/^\d{1,5}$/, "must be whole basis points, 0 to 10000")
      .transform(Number)
      .pipe(z.number().max(10_000)),
  ),
  REDIS_URL: optional(z.string().regex(/^rediss?:\/\//, "must be a redis:// URL")),
  REDIS_HOST: optional(z.string()),
  REDIS_PORT: optional(Port),
  REDIS_PASSWORD: optional(z.string()),
  STREAMS_ALLOW_UNSIGNED: optional(Flag),
  PROVIDER_ADMISSION: optional(z.enum(["automatic", "manual"], "must be automatic or manual")),
  KUBECONFIG: optional(z.string()),
  KUBERNETES_IN_CLUSTER: optional(Flag),
  MASTER_PUBLIC_IP: optional(
    z.string().regex(/^[A-Za-z0-9:]([A-Za-z0-9.:-]*[A-Za-z0-9:])?$/, "must be an address or a host name"),
  ),
  MASTER_API_PORT: optional(Port),
  LABEL_PREFIX: optional(
    z
      .string()
      .max(253)
      .regex(
        /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
        "must be a DNS name, such as berth.dev",
      ),
  ),
  TENANT_MAX_GPUS: optional(
    z
      .string()
      .regex(/^\d{1,5}$/, "must be a whole number")
      .transform(Number),
  ),
  CLUSTER_CIDRS: list(Cidr),
  RUNTIME_CLASS: optional(z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be the name of a RuntimeClass")),
  INSIDE_ACCOUNT: optional(
    z.string().regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be NAMESPACE/NAME"),
  ),
  APPS_DOMAIN: optional(
    z
      .string()
      .max(200)
      .regex(
        /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?$/,
        "must be a DNS name, such as berth-apps.example, with a port where it is not the usual one",
      ),
  ),
  PROVIDER_CIDRS: list(Cidr),
  WORKSPACE_REGISTRY: optional(
    z.string().max(150).regex(REGISTRY, "must be a registry, such as registry.example/berth"),
  ),
  WALLETCONNECT_PROJECT_ID: optional(z.string()),
  CHAIN_RPC_URL: optional(z.url({ protocol: /^https?$/, error: "must be an http(s) URL" })),
  NODE_ENV: optional(z.string()),
});
export type Vars = z.infer<typeof Vars>;
