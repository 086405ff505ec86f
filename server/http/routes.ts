// Every operation of the wire has a line here, or the build fails. No rule lives in this file.
import type { OperationName } from "../../protocol/operations.ts";
import { addSshKey } from "../usecases/account/add-ssh-key.ts";
import { createApiKey } from "../usecases/account/create-api-key.ts";
import { createNonce } from "../usecases/account/create-nonce.ts";
import { listApiKeys } from "../usecases/account/list-api-keys.ts";
import { listSshKeys } from "../usecases/account/list-ssh-keys.ts";
import { login } from "../usecases/account/login.ts";
import { logout } from "../usecases/account/logout.ts";
import { addRegistryLogin, listRegistryLogins, removeRegistryLogin } from "../usecases/account/registry-logins.ts";
import { removeSshKey } from "../usecases/account/remove-ssh-key.ts";
import { revokeApiKey } from "../usecases/account/revoke-api-key.ts";
import { listExecutions, listFiles } from "../usecases/batch/get-batch.ts";
import { submitBatch } from "../usecases/batch/submit-batch.ts";
import { takeResults } from "../usecases/batch/take-results.ts";
import { getBilling, listEntries } from "../usecases/billing/get-billing.ts";
import { estimateJob, getAnyJob, stopAnyJob } from "../usecases/job/any-job.ts";
import { extendJob } from "../usecases/job/extend-job.ts";
import { listJobEvents } from "../usecases/job/list-job-events.ts";
import { listJobs } from "../usecases/job/list-jobs.ts";
import { listTemplates } from "../usecases/job/list-templates.ts";
import { openPort } from "../usecases/job/open-port.ts";
import { readLogs } from "../usecases/job/read-logs.ts";
import { submitRental } from "../usecases/job/submit-rental.ts";
import { getNode, listNodes } from "../usecases/network/list-nodes.ts";
import { MOST_WAIT_MS, pendingJobs } from "../usecases/network/pending-jobs.ts";
import { registerNode } from "../usecases/network/register-node.ts";
import { networkStats } from "../usecases/network/stats.ts";
import { takeWorkerResult } from "../usecases/network/take-worker-result.ts";
import { workerBeat } from "../usecases/network/worker-beat.ts";
import { renewJoin } from "../usecases/node/renew-join.ts";
import { getAppeal, listAppeals } from "../usecases/operator/list-appeals.ts";
import { listAudit } from "../usecases/operator/list-audit.ts";
import { listIncidents } from "../usecases/operator/list-incidents.ts";
import { getProviderForOperator, listProvidersForOperator } from "../usecases/operator/list-providers.ts";
import { announceMaintenance, cancelMaintenance } from "../usecases/provider/announce-maintenance.ts";
import { appealReputation, decideAppeal } from "../usecases/provider/appeal-reputation.ts";
import { beat } from "../usecases/provider/beat.ts";
import { changePrice } from "../usecases/provider/change-price.ts";
import { createEnrolmentToken } from "../usecases/provider/create-enrolment-token.ts";
import { approveProvider, rejectProvider, suspendProvider } from "../usecases/provider/decide-admission.ts";
import { drainFromAgent, drainProvider } from "../usecases/provider/drain-provider.ts";
import { listEarnings } from "../usecases/provider/earnings.ts";
import { enrolProvider } from "../usecases/provider/enrol-provider.ts";
import { getOwnProvider } from "../usecases/provider/get-own-provider.ts";
import { getProvider } from "../usecases/provider/get-provider.ts";
import { gpuAvailability } from "../usecases/provider/gpu-availability.ts";
import { listOwnProviders } from "../usecases/provider/list-own-providers.ts";
import { listProviderEvents } from "../usecases/provider/list-provider-events.ts";
import { listProviders } from "../usecases/provider/list-providers.ts";
import { listReputation } from "../usecases/provider/list-reputation.ts";
import { listSamples } from "../usecases/provider/list-samples.ts";
import { removeProvider } from "../usecases/provider/remove-provider.ts";
import { searchOffers } from "../usecases/provider/search-offers.ts";
import { takeLogs } from "../usecases/provider/take-logs.ts";
import { listAlerts, readAlerts } from "../usecases/search/alerts.ts";
import { deleteSavedSearch } from "../usecases/search/delete-saved-search.ts";
import { listSavedSearches } from "../usecases/search/list-saved-searches.ts";
import { saveSearch } from "../usecases/search/save-search.ts";
import { health } from "../usecases/system/health.ts";
import { ready } from "../usecases/system/ready.ts";
import type { Handler, StreamHandler } from "./call.ts";
import { streamJobEvents } from "./job-stream.ts";
import { streamJobLogs } from "./log-stream.ts";

export const routes: { readonly [N in OperationName]: Handler<N> } = {
  createNonce: async ({ deps, body }) => {
    const { address, nonce, typedData, expiresAt } = await createNonce(deps, body.address);
    return { address, nonce, typed_data: typedData, expires_at: expiresAt.toISOString() };
  },
  login: async ({ deps, body }) => {
    const { token, account, expiresAt } = await login(deps, body);
    return { token, account, expires_at: expiresAt.toISOString() };
  },
  logout: async ({ deps, token }) => {
    if (token !== null) await logout(deps, token);
    return {};
  },
  listSshKeys: async ({ deps, principal }) => {
    const keys = await listSshKeys(deps, principal);
    return { ssh_keys: keys, count: keys.length, next_cursor: null };
  },
  createSshKey: ({ deps, principal, body, idempotencyKey }) => addSshKey(deps, principal, body, idempotencyKey),
  deleteSshKey: async ({ deps, principal, params }) => {
    await removeSshKey(deps, principal, params.id);
    return {};
  },
  listRegistryLogins: async ({ deps, principal }) => {
    const logins = await listRegistryLogins(deps, principal);
    return { registry_logins: logins, count: logins.length, next_cursor: null };
  },
  createRegistryLogin: ({ deps, principal, body, idempotencyKey }) =>
    addRegistryLogin(deps, principal, body, idempotencyKey),
  deleteRegistryLogin: async ({ deps, principal, params }) => {
    await removeRegistryLogin(deps, principal, params.id);
    return {};
  },
  listApiKeys: async ({ deps, principal }) => {
    const keys = await listApiKeys(deps, principal);
    return { api_keys: keys, count: keys.length, next_cursor: null };
  },
  createApiKey: async ({ deps, principal, body }) => {
    const { key, apiKey } = await createApiKey(deps, principal, body);
    return { key, api_key: apiKey };
  },
  deleteApiKey: async ({ deps, principal, params }) => {
    await revokeApiKey(deps, principal, params.id);
    return {};
  },

  searchProviders: ({ deps, query }) => searchOffers(deps, query),
  gpuAvailability: ({ deps, query }) => gpuAvailability(deps, query),
  listProviders: ({ deps, query }) => listProviders(deps, query),
  getProvider: ({ deps, params }) => getProvider(deps, params.id),
  createEnrolmentToken: async ({ deps, principal }) => {
    const { token, expiresAt } = await createEnrolmentToken(deps, principal);
    return { token, expires_at: expiresAt.toISOString() };
  },
  enrolProvider: async ({ deps, body }) => {
    const { providerId, owner } = await enrolProvider(deps, body);
    return { provider_id: providerId, owner };
  },
  heartbeat: ({ deps, params, query, body, signal }) =>
    beat(deps, params.id, body, { waitMs: (query.wait ?? 0) * 1000, signal }),

  listOwnProviders: ({ deps, principal, query }) => listOwnProviders(deps, principal, query),
  getOwnProvider: ({ deps, principal, params }) => getOwnProvider(deps, principal, params.id),
  listProviderEvents: ({ deps, principal, params, query }) => listProviderEvents(deps, principal, params.id, query),
  listEarnings: ({ deps, principal, params, query }) => listEarnings(deps, principal, params.id, query),
  listSamples: ({ deps, principal, params, query }) => listSamples(deps, principal, params.id, query),
  listReputation: ({ deps, params, query }) => listReputation(deps, params.id, query),
  drainProvider: async ({ deps, principal, params, body }) => {
    await drainProvider(deps, principal, params.id, body.draining);
    return getOwnProvider(deps, principal, params.id);
  },
  drainFromAgent: ({ deps, params, body }) => drainFromAgent(deps, params.id, body),
  reportLogs: ({ deps, params, body }) => takeLogs(deps, params.id, params.execution, body),
  reportResults: ({ deps, params, body }) => takeResults(deps, params.id, body.results),
  announceMaintenance: ({ deps, principal, params, body, idempotencyKey }) =>
    announceMaintenance(deps, principal, params.id, body, idempotencyKey),
  cancelMaintenance: async ({ deps, principal, params }) => {
    await cancelMaintenance(deps, principal, params.id, params.window);
    return {};
  },
  changePrice: async ({ deps, principal, params, body }) => {
    await changePrice(deps, principal, params.id, body);
    return getOwnProvider(deps, principal, params.id);
  },
  appealReputation: ({ deps, principal, params, body }) => appealReputation(deps, principal, params.id, body),
  renewJoin: async ({ deps, principal, params }) => {
    await renewJoin(deps, principal, params.id);
    return getOwnProvider(deps, principal, params.id);
  },
  removeProvider: async ({ deps, principal, params }) => {
    await removeProvider(deps, principal, params.id);
    return {};
  },

  listProvidersForOperator: ({ deps, principal, query }) => listProvidersForOperator(deps, principal, query),
  approveProvider: async ({ deps, principal, params }) => {
    await approveProvider(deps, principal, params.id);
    return getProviderForOperator(deps, principal, params.id);
  },
  rejectProvider: async ({ deps, principal, params, body }) => {
    await rejectProvider(deps, principal, params.id, body.reason);
    return getProviderForOperator(deps, principal, params.id);
  },
  suspendProvider: async ({ deps, principal, params, body }) => {
    await suspendProvider(deps, principal, params.id, body.reason);
    return getProviderForOperator(deps, principal, params.id);
  },
  listIncidents: ({ deps, principal, query }) => listIncidents(deps, principal, query),
  listAudit: ({ deps, principal, query }) => listAudit(deps, principal, query),
  listAppeals: ({ deps, principal, query }) => listAppeals(deps, principal, query),
  decideAppeal: async ({ deps, principal, params, body }) => {
    await decideAppeal(deps, principal, params.appeal, body);
    return getAppeal(deps, principal, params.appeal);
  },

  listSavedSearches: ({ deps, principal }) => listSavedSearches(deps, principal),
  createSavedSearch: ({ deps, principal, body, idempotencyKey }) => saveSearch(deps, principal, body, idempotencyKey),
  deleteSavedSearch: async ({ deps, principal, params }) => {
    await deleteSavedSearch(deps, principal, params.id);
    return {};
  },
  listAlerts: ({ deps, principal, query }) => listAlerts(deps, principal, query),
  readAlerts: async ({ deps, principal }) => {
    await readAlerts(deps, principal);
    return {};
  },

  listTemplates: ({ deps }) => listTemplates(deps),
  createJob: ({ deps, principal, body, idempotencyKey: key }) =>
    body.kind === "rental" ? submitRental(deps, principal, body, key) : submitBatch(deps, principal, body, key),
  estimateJob: ({ deps, principal, body }) => estimateJob(deps, principal, body),
  listJobs: ({ deps, principal, query }) => listJobs(deps, principal, query),
  getJob: ({ deps, principal, params }) => getAnyJob(deps, principal, params.id),
  listJobExecutions: ({ deps, principal, params }) => listExecutions(deps, principal, params.id),
  listJobFiles: ({ deps, principal, params }) => listFiles(deps, principal, params.id),
  stopJob: ({ deps, principal, params }) => stopAnyJob(deps, principal, params.id),
  extendJob: ({ deps, principal, params, body, idempotencyKey }) =>
    extendJob(deps, principal, params.id, body.hours, idempotencyKey),
  getJobLogs: ({ deps, principal, params, query, signal }) =>
    readLogs(deps, principal, params.id, { tailLines: query.tail ?? null, signal }),
  openJobPort: ({ deps, principal, params }) => openPort(deps, principal, params.id),
  listJobEvents: ({ deps, principal, params, query }) => listJobEvents(deps, principal, params.id, query),
  getBilling: ({ deps, principal, query }) => getBilling(deps, principal, query),
  listEntries: ({ deps, principal, query }) => listEntries(deps, principal, query),

  listNodes: ({ deps, query }) => listNodes(deps, query),
  getNode: ({ deps, principal, params }) => getNode(deps, principal, params.id),
  registerNode: ({ deps, principal, body, address }) => registerNode(deps, principal, body, address),
  nodeHeartbeat: async ({ deps, principal, params, address }) => {
    await workerBeat(deps, principal, params.id, address);
    return { status: "ok" };
  },
  listPendingJobs: ({ deps, principal, params, address, signal }) =>
    pendingJobs(deps, principal, params.id, { address, waitMs: MOST_WAIT_MS, signal }),
  reportWorkerResult: async ({ deps, principal, body, address }) => {
    await takeWorkerResult(deps, principal, body, address);
    return { status: "accepted" };
  },
  stats: ({ deps }) => networkStats(deps),

  health: ({ deps }) => health(deps),
  ready: ({ deps }) => ready(deps),
};

/** Operations that can also be watched: with `Accept: text/event-stream`, or `follow=1` where their query has it. */
export const streams: { readonly [N in OperationName]?: StreamHandler<N> } = {
  listJobEvents: ({ params, ...call }) => streamJobEvents({ ...call, jobId: params.id }),
  getJobLogs: ({ params, query, ...call }) =>
    streamJobLogs({ ...call, jobId: params.id, tailLines: query.tail ?? null }),
};
