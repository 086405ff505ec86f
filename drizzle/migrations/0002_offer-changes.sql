CREATE TABLE "offer_changes" (
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"provider_id" text NOT NULL,
	"at" timestamp (3) with time zone DEFAULT clock_timestamp() NOT NULL
);
--> statement-breakpoint
DROP INDEX "offers_market_price";--> statement-breakpoint
DROP INDEX "offers_market_price_down";--> statement-breakpoint
DROP INDEX "offers_market_reputation";--> statement-breakpoint
DROP INDEX "offers_market_vram";--> statement-breakpoint
CREATE INDEX "offer_changes_xid" ON "offer_changes" USING btree ("xid");--> statement-breakpoint
CREATE FUNCTION offer_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF tg_op = 'TRUNCATE' THEN
		INSERT INTO offer_changes (provider_id) VALUES ('*');
	ELSIF tg_op = 'DELETE' THEN
		INSERT INTO offer_changes (provider_id) VALUES (old.provider_id);
	ELSE
		INSERT INTO offer_changes (provider_id) VALUES (new.provider_id);
	END IF;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER offer_changed AFTER INSERT OR UPDATE OR DELETE ON "offers" FOR EACH ROW EXECUTE FUNCTION offer_changed();
--> statement-breakpoint
CREATE TRIGGER offers_emptied AFTER TRUNCATE ON "offers" FOR EACH STATEMENT EXECUTE FUNCTION offer_changed();
