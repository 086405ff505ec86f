// Logging in with a wallet, and the keys of an account.
import { z } from "zod";
import { ApiKeyView, RegistryLoginView, SshKeyView } from "../account-views.ts";
import { Address, AddressView, idField, Time, text } from "../fields.ts";
import { operation } from "../operation.ts";

const typedField = z.array(z.strictObject({ name: z.string(), type: z.string() }));

/** EIP-712 typed data of the login; the domain has no chain id, because a wallet refuses another than its active one. */
export const LoginTypedData = z.strictObject({
  domain: z.strictObject({ name: z.literal("Berth"), version: z.literal("1") }),
  types: z.strictObject({ EIP712Domain: typedField, Login: typedField }),
  primaryType: z.literal("Login"),
  message: z.strictObject({
    origin: z.string(),
    account: AddressView,
    nonce: z.string(),
    /** seconds since the epoch, as decimal strings */
    issuedAt: z.string(),
    expiresAt: z.string(),
  }),
});
export type LoginTypedData = z.infer<typeof LoginTypedData>;

export const API_KEY_SCOPES = ["read", "jobs", "providers"] as const;

export const accountOperations = {
  createNonce: operation({
    method: "POST",
    path: "/auth/nonce",
    summary: "Get typed data to sign; single use, 5 minutes",
    access: "public",
    secret: true,
    body: z.strictObject({ address: Address }),
    response: z.strictObject({
      address: AddressView,
      nonce: z.string(),
      typed_data: LoginTypedData,
      expires_at: Time,
    }),
  }),
  login: operation({
    method: "POST",
    path: "/auth/login",
    summary: "Trade a signed nonce for a session token of 24 hours",
    access: "public",
    secret: true,
    body: z.strictObject({
      address: Address,
      nonce: z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, "a nonce of /auth/nonce"),
      // Contract wallets (ERC-1271, ERC-6492) sign with more than 65 bytes.
      signature: z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{2,20000}$/)]),
    }),
    response: z.strictObject({ token: z.string(), account: AddressView, expires_at: Time }),
  }),
  logout: operation({
    method: "DELETE",
    path: "/auth/session",
    summary: "End the session whose token is used",
    access: "wallet",
    status: 204,
  }),
  listSshKeys: operation({
    method: "GET",
    path: "/ssh-keys",
    summary: "Your SSH keys",
    access: "read",
    response: z.strictObject({ ssh_keys: z.array(SshKeyView), count: z.int(), next_cursor: z.null() }),
  }),
  createSshKey: operation({
    method: "POST",
    path: "/ssh-keys",
    summary: "Add an SSH public key (ed25519, ecdsa or rsa)",
    access: "wallet",
    status: 201,
    idempotent: true,
    body: z.strictObject({ name: text(80), public_key: z.string().min(1).max(16_384) }),
    response: SshKeyView,
  }),
  deleteSshKey: operation({
    method: "DELETE",
    path: "/ssh-keys/:id",
    summary: "Remove an SSH key; running rentals keep the keys they started with",
    access: "wallet",
    status: 204,
    params: z.strictObject({ id: idField("key") }),
  }),
  listRegistryLogins: operation({
    method: "GET",
    path: "/registry-logins",
    summary: "Your logins to registries of private images; passwords are never shown",
    access: "read",
    response: z.strictObject({ registry_logins: z.array(RegistryLoginView), count: z.int(), next_cursor: z.null() }),
  }),
  createRegistryLogin: operation({
    method: "POST",
    path: "/registry-logins",
    summary: "Add a login: images of that registry are pulled with it, for your rentals only",
    access: "wallet",
    status: 201,
    idempotent: true,
    body: z.strictObject({
      registry: z
        .string()
        .max(253)
        .regex(
          /^(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+)(:\d{1,5})?$/,
          "a registry as images name it, such as ghcr.io or registry.example:5000; docker.io for Docker Hub",
        ),
      username: text(255),
      password: z
        .string()
        .min(1)
        .max(4096)
        .regex(/^[^\0]*$/, "must not contain NUL"),
    }),
    response: RegistryLoginView,
  }),
  deleteRegistryLogin: operation({
    method: "DELETE",
    path: "/registry-logins/:id",
    summary: "Remove a login; what was pulled with it runs on",
    access: "wallet",
    status: 204,
    params: z.strictObject({ id: idField("reg") }),
  }),
  listApiKeys: operation({
    method: "GET",
    path: "/api-keys",
    summary: "Your API keys, without their secrets",
    access: "wallet",
    response: z.strictObject({ api_keys: z.array(ApiKeyView), count: z.int(), next_cursor: z.null() }),
  }),
  createApiKey: operation({
    method: "POST",
    path: "/api-keys",
    summary: "Make an API key; it is shown once",
    access: "wallet",
    status: 201,
    secret: true,
    body: z.strictObject({
      name: text(80),
      scopes: z
        .array(z.enum(API_KEY_SCOPES))
        .min(1)
        .max(API_KEY_SCOPES.length)
        .refine((scopes) => new Set(scopes).size === scopes.length, "each scope once"),
    }),
    response: z.strictObject({ key: z.string(), api_key: ApiKeyView }),
  }),
  deleteApiKey: operation({
    method: "DELETE",
    path: "/api-keys/:id",
    summary: "Revoke an API key",
    access: "wallet",
    status: 204,
    params: z.strictObject({ id: idField("key") }),
  }),
};
