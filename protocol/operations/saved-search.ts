// Searches that people keep, and the price alerts they raise in the console.
import { z } from "zod";
import { idField, Micros, Page, text } from "../fields.ts";
import { AlertView, SavedSearchView } from "../market-views.ts";
import { operation } from "../operation.ts";

export const SaveSearch = z.strictObject({
  name: text(80),
  /** the query string of the search, without `?`, `limit` and `cursor` */
  query: z.string().max(2000),
  /** per GPU hour (or core hour): an alert when something that fits costs no more */
  alert_at_or_below: Micros.optional(),
});

export const savedSearchOperations = {
  listSavedSearches: operation({
    method: "GET",
    path: "/saved-searches",
    summary: "Your saved searches with what they find now",
    access: "read",
    response: z.strictObject({
      saved_searches: z.array(SavedSearchView),
      count: z.int(),
      next_cursor: z.null(),
    }),
  }),
  createSavedSearch: operation({
    method: "POST",
    path: "/saved-searches",
    summary: "Save a search, with a price alert where one is given; at most 50",
    access: "jobs",
    status: 201,
    idempotent: true,
    body: SaveSearch,
    response: SavedSearchView,
  }),
  deleteSavedSearch: operation({
    method: "DELETE",
    path: "/saved-searches/:id",
    summary: "Forget a saved search and its alerts",
    access: "jobs",
    params: z.strictObject({ id: idField("srch") }),
  }),
  listAlerts: operation({
    method: "GET",
    path: "/alerts",
    summary: "Your alerts, newest first",
    access: "read",
    query: z.strictObject({ ...Page }),
    response: z.strictObject({
      alerts: z.array(AlertView),
      unread: z.int(),
      count: z.int(),
      next_cursor: z.string().nullable(),
    }),
  }),
  readAlerts: operation({
    method: "POST",
    path: "/alerts/read",
    summary: "Mark all your alerts as read",
    access: "jobs",
  }),
};
