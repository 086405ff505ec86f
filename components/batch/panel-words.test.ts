import { expect, test } from "vitest";
import { type PanelWish, panelSentences } from "./panel-words.ts";

const usual: PanelWish = { redundancy: 3, consensus: 2, assurance: "standard", dispatch: "lazy" };

test("the usual job starts on two machines, and says when a third comes", () => {
  const said = panelSentences(usual).join(" ");
  expect(said).toContain("Two machines of different owners run it first. One more starts only where");
  expect(said).toContain("accepted when two owners agree");
});

test("high assurance asks three owners, whatever consensus says", () => {
  expect(panelSentences({ ...usual, assurance: "high" }).join(" ")).toContain("when three owners agree");
});

test("an eager job starts everywhere at once", () => {
  expect(panelSentences({ ...usual, redundancy: 5, dispatch: "eager" })[0]).toMatch(/^Five machines .* at once/);
});

test("a job with one machine is called unverified", () => {
  expect(panelSentences({ ...usual, redundancy: 1, consensus: 1 })[0]).toContain("unverified");
  expect(panelSentences({ ...usual, consensus: 1 }).join(" ")).toContain("The first result is taken, unverified.");
});
