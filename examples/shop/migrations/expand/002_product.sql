-- Orders' column `article` becomes `product`. Until the contract both are there and hold the same, since releases that
-- know only the old one go on working: beside this release while it's rolled out, and instead of it after a rollback.
ALTER TABLE orders ADD COLUMN product text;
CREATE FUNCTION article_is_product() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.article IS DISTINCT FROM OLD.article THEN
        NEW.product := NEW.article;
    END IF;
    NEW.product := coalesce(NEW.product, NEW.article);
    NEW.article := NEW.product;
    RETURN NEW;
END $$;
CREATE TRIGGER article_is_product BEFORE INSERT OR UPDATE ON orders
    FOR EACH ROW EXECUTE FUNCTION article_is_product()
