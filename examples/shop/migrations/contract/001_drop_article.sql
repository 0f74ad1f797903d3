-- Only `product` from here on. `cdconf contract` runs this once no release that knows `article` can come back.
DROP TRIGGER article_is_product ON orders;
DROP FUNCTION article_is_product();
ALTER TABLE orders DROP COLUMN article, ALTER COLUMN product SET NOT NULL
