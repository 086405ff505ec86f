CREATE TABLE "earnings_summed" (
	"one" integer PRIMARY KEY NOT NULL,
	"upto" bigint NOT NULL,
	CONSTRAINT "earnings_summed_one" CHECK ("earnings_summed"."one" = 1)
);
--> statement-breakpoint
CREATE TABLE "provider_earnings" (
	"provider_id" text NOT NULL,
	"day" text NOT NULL,
	"cash" bigint NOT NULL,
	"promotion" bigint NOT NULL,
	CONSTRAINT "provider_earnings_provider_id_day_pk" PRIMARY KEY("provider_id","day")
);
--> statement-breakpoint
DROP INDEX "batch_executions_job";--> statement-breakpoint
ALTER TABLE "provider_earnings" ADD CONSTRAINT "provider_earnings_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;