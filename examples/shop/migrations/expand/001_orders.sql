CREATE TABLE orders (id bigserial PRIMARY KEY, article text NOT NULL, at timestamptz NOT NULL DEFAULT now())
