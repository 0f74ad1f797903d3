"""A small shop: takes orders and shows them. The example that cdconf deploys."""
